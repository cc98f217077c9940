//! What a call answers with, before it is JavaScript's.

use bytes::Bytes;
use napi::sys;
use ottla::Error;

use crate::error;
use crate::raw::{self, Raw};

/// A tree of plain values.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Bytes(Bytes),
    Error(Error),
    List(Vec<Value>),
    Object(Vec<(&'static str, Value)>),
}

impl Value {
    /// Offsets are strings: they may be larger than a JavaScript number can tell apart.
    pub(crate) fn offset(offset: i64) -> Self {
        Self::Text(offset.to_string())
    }

    pub(crate) fn list(values: impl IntoIterator<Item = Self>) -> Self {
        Self::List(values.into_iter().collect())
    }

    pub(crate) fn into_js(self, env: sys::napi_env) -> Raw {
        match self {
            Self::Undefined => raw::undefined(env),
            Self::Null => raw::null(env),
            Self::Bool(is) => raw::boolean(env, is),
            Self::Number(number) => raw::double(env, number),
            Self::Text(text) => raw::string(env, &text),
            Self::Bytes(bytes) => raw::typed(env, sys::TypedarrayType::uint8_array, &bytes),
            Self::Error(error) => error::to_js(env, &error),
            Self::List(values) => raw::array(env, values.into_iter().map(|value| value.into_js(env))),
            Self::Object(properties) => {
                let object = raw::object(env);
                for (name, value) in properties {
                    raw::set(env, object, name, value.into_js(env));
                }
                object
            }
        }
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Number(f64::from(number))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<i32>> for Value {
    fn from(numbers: Vec<i32>) -> Self {
        Self::list(numbers.into_iter().map(Self::from))
    }
}
