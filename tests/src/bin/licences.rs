//! Checks the licences of all packages that the workspace is built from; names those that are refused, and fails.

use std::process::{Command, ExitCode};

use ottla_tests::licences::check;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("licences: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool, Box<dyn std::error::Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(["metadata", "--format-version", "1", "--locked", "--all-features"]).output()?;
    if !output.status.success() {
        return Err(format!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let (looked_at, refused) = check(&serde_json::from_slice(&output.stdout)?)?;
    for package in &refused {
        eprintln!("licences: refused: {package}");
    }
    println!("licences: {looked_at} packages looked at, {} refused", refused.len());
    Ok(refused.is_empty())
}
