//! Node-API without a layer in between, for what runs once for each send or batch: an argument of `#[napi]` costs several times
//! the call.

use std::ffi::{CString, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

use napi::sys;

/// A JavaScript value, valid as long as the call that it was given to.
pub(crate) type Raw = sys::napi_value;

/// The arguments of a call; those that were left out are `undefined`.
pub(crate) fn arguments<const N: usize>(env: sys::napi_env, info: sys::napi_callback_info) -> [Raw; N] {
    let mut values = [null_mut(); N];
    let mut count = N;
    // SAFETY: `values` has room for `count` of them.
    unsafe { sys::napi_get_cb_info(env, info, &raw mut count, values.as_mut_ptr(), null_mut(), null_mut()) };
    values
}

/// A number as an index; anything else is an index that nothing has.
pub(crate) fn index(env: sys::napi_env, value: Raw) -> u32 {
    let mut number = u32::MAX;
    // SAFETY: a value of this call, and a place for the number.
    unsafe { sys::napi_get_value_uint32(env, value, &raw mut number) };
    number
}

/// A number; 0 if it is none.
pub(crate) fn number(env: sys::napi_env, value: Raw) -> f64 {
    let mut number = 0.0;
    // SAFETY: as above.
    unsafe { sys::napi_get_value_double(env, value, &raw mut number) };
    number
}

/// What of a JavaScript number fits into an integer.
#[expect(clippy::cast_possible_truncation, reason = "offsets are integers below 2^53, and the cast saturates")]
pub(crate) fn integer(env: sys::napi_env, value: Raw) -> i64 {
    number(env, value) as i64
}

/// An integer as a JavaScript number: exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "offsets and timestamps beyond 2^53 are not met")]
pub(crate) fn to_number(integer: i64) -> f64 {
    integer as f64
}

/// The memory of a typed array: where it begins, and how many elements it has.
fn typed_array(env: sys::napi_env, value: Raw, expected: sys::napi_typedarray_type) -> Option<(*mut c_void, usize)> {
    let (mut kind, mut len, mut data) = (0, 0, null_mut());
    // SAFETY: a value of this call, and places for what is told of it.
    let status =
        unsafe { sys::napi_get_typedarray_info(env, value, &raw mut kind, &raw mut len, &raw mut data, null_mut(), null_mut()) };
    (status == sys::Status::napi_ok && kind == expected).then_some((data, len))
}

/// The elements of an `Int32Array`.
///
/// # Safety
/// Only until JavaScript runs again: it may change them.
pub(crate) unsafe fn int32s<'a>(env: sys::napi_env, value: Raw) -> &'a [i32] {
    match typed_array(env, value, sys::TypedarrayType::int32_array) {
        // SAFETY: an Int32Array is aligned, and stays while the call runs.
        Some((data, len)) if len > 0 => unsafe { std::slice::from_raw_parts(data.cast(), len) },
        _ => &[],
    }
}

/// The bytes of a `Uint8Array`.
///
/// # Safety
/// As [`int32s`].
pub(crate) unsafe fn bytes<'a>(env: sys::napi_env, value: Raw) -> &'a [u8] {
    match typed_array(env, value, sys::TypedarrayType::uint8_array) {
        // SAFETY: as above.
        Some((data, len)) if len > 0 => unsafe { std::slice::from_raw_parts(data.cast(), len) },
        _ => &[],
    }
}

/// Appends a string as UTF-8, which is expected to be ASCII and `len` long; `false` if it is not, with anything in `out`.
pub(crate) fn ascii(env: sys::napi_env, value: Raw, len: usize, out: &mut Vec<u8>) -> bool {
    out.clear();
    out.reserve(len + 1);
    let mut written = 0;
    // SAFETY: there is room for `len` bytes and a 0; so many are written at most.
    unsafe {
        let status = sys::napi_get_value_string_utf8(env, value, out.as_mut_ptr().cast(), len + 1, &raw mut written);
        if status != sys::Status::napi_ok {
            return false;
        }
        out.set_len(written);
    }
    written == len && out.is_ascii()
}

/// A string of `len` code units as UTF-16.
pub(crate) fn utf16(env: sys::napi_env, value: Raw, len: usize, out: &mut Vec<u16>) {
    out.clear();
    out.reserve(len + 1);
    let mut written = 0;
    // SAFETY: there is room for `len` units and a 0; so many are written at most.
    unsafe {
        if sys::napi_get_value_string_utf16(env, value, out.as_mut_ptr(), len + 1, &raw mut written) == sys::Status::napi_ok {
            out.set_len(written);
        }
    }
}

/// `undefined`.
pub(crate) fn undefined(env: sys::napi_env) -> Raw {
    let mut value = null_mut();
    // SAFETY: a place for the value.
    unsafe { sys::napi_get_undefined(env, &raw mut value) };
    value
}

/// `null`.
pub(crate) fn null(env: sys::napi_env) -> Raw {
    let mut value = null_mut();
    // SAFETY: a place for the value.
    unsafe { sys::napi_get_null(env, &raw mut value) };
    value
}

/// `true` or `false`.
pub(crate) fn boolean(env: sys::napi_env, is: bool) -> Raw {
    let mut value = null_mut();
    // SAFETY: a place for the value.
    unsafe { sys::napi_get_boolean(env, is, &raw mut value) };
    value
}

/// A number.
pub(crate) fn double(env: sys::napi_env, number: f64) -> Raw {
    let mut value = null_mut();
    // SAFETY: a place for the value.
    unsafe { sys::napi_create_double(env, number, &raw mut value) };
    value
}

/// A small number.
pub(crate) fn int32(env: sys::napi_env, number: i32) -> Raw {
    let mut value = null_mut();
    // SAFETY: a place for the value.
    unsafe { sys::napi_create_int32(env, number, &raw mut value) };
    value
}

fn len_of(len: usize) -> isize {
    isize::try_from(len).unwrap_or(isize::MAX)
}

/// A string.
pub(crate) fn string(env: sys::napi_env, text: &str) -> Raw {
    let mut value = null_mut();
    // SAFETY: the string is copied from so many bytes.
    unsafe { sys::napi_create_string_utf8(env, text.as_ptr().cast(), len_of(text.len()), &raw mut value) };
    value
}

/// An array with these values.
pub(crate) fn array(env: sys::napi_env, values: impl IntoIterator<Item = Raw>) -> Raw {
    let mut array = null_mut();
    // SAFETY: a place for the array.
    unsafe { sys::napi_create_array(env, &raw mut array) };
    for (value, at) in values.into_iter().zip(0..) {
        // SAFETY: both are values of this call.
        unsafe { sys::napi_set_element(env, array, at, value) };
    }
    array
}

/// An object without properties.
pub(crate) fn object(env: sys::napi_env) -> Raw {
    let mut object = null_mut();
    // SAFETY: a place for the object.
    unsafe { sys::napi_create_object(env, &raw mut object) };
    object
}

/// Sets an object's property.
pub(crate) fn set(env: sys::napi_env, object: Raw, name: &str, value: Raw) {
    // SAFETY: all are values of this call.
    unsafe { sys::napi_set_property(env, object, string(env, name), value) };
}

/// A fresh ArrayBuffer with these bytes.
pub(crate) fn copied(env: sys::napi_env, bytes: &[u8]) -> Raw {
    let (mut data, mut buffer) = (null_mut(), null_mut());
    // SAFETY: the buffer gets room for as many bytes as are copied there.
    unsafe {
        if sys::napi_create_arraybuffer(env, bytes.len(), &raw mut data, &raw mut buffer) == sys::Status::napi_ok
            && !bytes.is_empty()
        {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast(), bytes.len());
        }
    }
    buffer
}

/// A fresh typed array.
pub(crate) fn typed<T: Copy>(env: sys::napi_env, kind: sys::napi_typedarray_type, values: &[T]) -> Raw {
    // SAFETY: plain numbers are as many bytes.
    let bytes = unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), std::mem::size_of_val(values)) };
    let (buffer, mut array) = (copied(env, bytes), null_mut());
    // SAFETY: the buffer holds so many values of that kind.
    unsafe { sys::napi_create_typedarray(env, kind, values.len(), buffer, 0, &raw mut array) };
    array
}

/// Calls a function. `None` if it threw: that stays pending.
pub(crate) fn call(env: sys::napi_env, function: Raw, arguments: &[Raw]) -> Option<Raw> {
    let mut result = null_mut();
    // SAFETY: values of this call, as many as are told.
    let status =
        unsafe { sys::napi_call_function(env, undefined(env), function, arguments.len(), arguments.as_ptr(), &raw mut result) };
    (status == sys::Status::napi_ok).then_some(result)
}

/// Calls a function, and forgets what it threw.
pub(crate) fn call_quietly(env: sys::napi_env, function: Raw, arguments: &[Raw]) -> Option<Raw> {
    let result = call(env, function, arguments);
    if result.is_none() {
        let mut thrown = null_mut();
        // SAFETY: a place for what was thrown.
        unsafe { sys::napi_get_and_clear_last_exception(env, &raw mut thrown) };
    }
    result
}

/// A kept function or object.
pub(crate) struct Reference {
    env: sys::napi_env,
    raw: sys::napi_ref,
}

impl Reference {
    /// Keeps a value.
    pub(crate) fn new(env: sys::napi_env, value: Raw) -> Self {
        let mut raw = null_mut();
        // SAFETY: a value of this call, and a place for the reference.
        unsafe { sys::napi_create_reference(env, value, 1, &raw mut raw) };
        Self { env, raw }
    }

    /// The value, within a scope of its environment.
    pub(crate) fn get(&self) -> Raw {
        let mut value = null_mut();
        // SAFETY: the reference is strong, so the value is there.
        unsafe { sys::napi_get_reference_value(self.env, self.raw, &raw mut value) };
        value
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // SAFETY: made in `new`, and dropped once, on its environment's thread.
        unsafe { sys::napi_delete_reference(self.env, self.raw) };
    }
}

/// Throws an error from within a call.
pub(crate) fn throw(env: sys::napi_env, error: Raw) -> Raw {
    // SAFETY: a value of this call.
    unsafe { sys::napi_throw(env, error) };
    null_mut()
}

/// Runs the body of a function that JavaScript calls: no panic leaves it.
pub(crate) fn guarded(env: sys::napi_env, body: impl FnOnce() -> Raw) -> Raw {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        // SAFETY: both strings end with a 0.
        unsafe { sys::napi_throw_error(env, c"OTTLA_INTERNAL".as_ptr(), c"an internal error of ottla".as_ptr()) };
        null_mut()
    })
}

/// A function as JavaScript calls it.
pub(crate) type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> Raw;

/// Exports a function.
pub(crate) fn export(env: sys::napi_env, exports: Raw, name: &str, callback: Callback) {
    let Ok(name) = CString::new(name) else { return };
    let mut function = null_mut();
    // SAFETY: the name ends with a 0, the function lives as long as the library.
    unsafe {
        sys::napi_create_function(env, name.as_ptr(), -1, Some(callback), null_mut(), &raw mut function);
        sys::napi_set_named_property(env, exports, name.as_ptr(), function);
    }
}
