//! The licences of what the project is built from, held against a list of those that its users can live with.

use std::fmt;

use serde_json::Value;

/// The licences that a dependency may have: permissive ones, by their SPDX identifiers.
pub const ALLOWED: [&str; 10] =
    ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "Unicode-3.0", "Unlicense", "Zlib"];

/// Exceptions after `WITH` that only widen what a licence permits.
const EXCEPTIONS: [&str; 1] = ["LLVM-exception"];

/// A package whose licence is not on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The package and its version.
    pub package: String,
    /// Its licence expression, or why there is none.
    pub licence: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.package, self.licence)
    }
}

/// Whether an SPDX expression can be satisfied by allowed licences alone.
///
/// # Errors
/// The expression is malformed; the text says where.
pub fn allowed(expression: &str) -> Result<bool, String> {
    // crates.io's old spelling of OR.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut tokens = spaced.split_whitespace().peekable();
    let result = alternatives(&mut tokens)?;
    match tokens.next() {
        None => Ok(result),
        Some(token) => Err(format!("unexpected '{token}' in '{expression}'")),
    }
}

type Tokens<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn alternatives(tokens: &mut Tokens<'_>) -> Result<bool, String> {
    let mut result = conjunction(tokens)?;
    while tokens.next_if_eq(&"OR").is_some() {
        result |= conjunction(tokens)?;
    }
    Ok(result)
}

fn conjunction(tokens: &mut Tokens<'_>) -> Result<bool, String> {
    let mut result = term(tokens)?;
    while tokens.next_if_eq(&"AND").is_some() {
        result &= term(tokens)?;
    }
    Ok(result)
}

fn term(tokens: &mut Tokens<'_>) -> Result<bool, String> {
    match tokens.next() {
        None => Err("a licence is missing at the end".to_owned()),
        Some("(") => {
            let result = alternatives(tokens)?;
            match tokens.next() {
                Some(")") => Ok(result),
                _ => Err("a closing bracket is missing".to_owned()),
            }
        }
        Some(operator @ (")" | "OR" | "AND" | "WITH")) => Err(format!("a licence is missing before '{operator}'")),
        Some(name) => {
            let known = ALLOWED.contains(&name);
            if tokens.next_if_eq(&"WITH").is_none() {
                return Ok(known);
            }
            let exception = tokens.next().ok_or("an exception is missing after WITH")?;
            Ok(known && EXCEPTIONS.contains(&exception))
        }
    }
}

/// What is refused among the packages of `cargo metadata --format-version 1`, and how many packages were looked at.
///
/// # Errors
/// The metadata is not what cargo writes.
pub fn check(metadata: &Value) -> Result<(usize, Vec<Refused>), String> {
    let packages = metadata.get("packages").and_then(Value::as_array).ok_or("no packages in cargo's metadata")?;
    let mut refused = Vec::new();
    for package in packages {
        let text = |key: &str| package.get(key).and_then(Value::as_str);
        let name = format!("{} {}", text("name").unwrap_or("?"), text("version").unwrap_or("?"));
        let why = match text("license") {
            None => Some("no licence named".to_owned()),
            Some(licence) => match allowed(licence) {
                Ok(true) => None,
                Ok(false) => Some(licence.to_owned()),
                Err(error) => Some(error),
            },
        };
        refused.extend(why.map(|licence| Refused { package: name, licence }));
    }
    Ok((packages.len(), refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        for (expression, expected) in [
            ("MIT", true),
            ("MIT OR Apache-2.0", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0-only", false),
            ("GPL-3.0-only OR MIT", true),
            ("GPL-3.0-only AND MIT", false),
            ("(MIT OR GPL-2.0-only) AND Unicode-3.0", true),
            ("(MIT AND GPL-2.0-only) OR MPL-2.0", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0 WITH Classpath-exception-2.0", false),
            ("MIT OR MPL-2.0 AND GPL-2.0-only", true),
        ] {
            assert_eq!(allowed(expression), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn malformed_expressions_are_errors() {
        for expression in ["", "MIT OR", "(MIT", "MIT)", "AND MIT", "MIT Apache-2.0", "Apache-2.0 WITH"] {
            assert!(allowed(expression).is_err(), "{expression}");
        }
    }

    #[test]
    fn a_refused_package_is_named() {
        let metadata = serde_json::json!({ "packages": [
            { "name": "good", "version": "1.0.0", "license": "MIT" },
            { "name": "bad", "version": "2.0.0", "license": "AGPL-3.0-only" },
            { "name": "silent", "version": "3.0.0", "license": null },
        ]});
        let (looked_at, refused) = check(&metadata).unwrap();
        assert_eq!(looked_at, 3);
        let names: Vec<String> = refused.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["bad 2.0.0: AGPL-3.0-only", "silent 3.0.0: no licence named"]);
    }
}
