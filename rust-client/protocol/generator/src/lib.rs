//! From Kafka's JSON schemas to Rust structs with `#[derive(Message)]`.

mod emit;
mod schema;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use schema::Schema;

/// What went wrong, in a sentence.
pub type Error = String;

/// Reads the schemas in `source` (a folder, or a jar) and writes a file for each API with a broker among its listeners, one for
/// the headers, those for what travels within other messages, the table of APIs, and `mod.rs` into `output`. Answers how many files there are.
///
/// # Errors
/// If a schema can't be read or understood, or a file can't be written.
pub fn generate(source: &Path, output: &Path) -> Result<usize, Error> {
    let schemas = load(source)?;
    let files = emit::files(&schemas)?;
    fs::create_dir_all(output).map_err(|e| format!("{}: {e}", output.display()))?;
    let mut paths = Vec::new();
    for (name, text) in &files {
        let path = output.join(name);
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        paths.push(path);
    }
    for old in rust_files(output)? {
        if !paths.contains(&old) {
            fs::remove_file(&old).map_err(|e| format!("{}: {e}", old.display()))?;
        }
    }
    format(&paths)?;
    Ok(paths.len())
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    Ok(entries.filter_map(Result::ok).map(|e| e.path()).filter(|p| p.extension().is_some_and(|x| x == "rs")).collect())
}

/// rustfmt, with the workspace's settings wherever the output lies.
fn format(paths: &[PathBuf]) -> Result<(), Error> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let status = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(workspace)
        .args(paths)
        .status()
        .map_err(|e| format!("rustfmt can't be run ({e}); `rustup component add rustfmt` installs it"))?;
    if status.success() { Ok(()) } else { Err(format!("rustfmt failed: {status}")) }
}

/// All schemas by their names.
fn load(source: &Path) -> Result<BTreeMap<String, Schema>, Error> {
    let mut texts = Vec::new();
    if source.is_dir() {
        for entry in fs::read_dir(source).map_err(|e| format!("{}: {e}", source.display()))? {
            let path = entry.map_err(|e| e.to_string())?.path();
            if path.extension().is_some_and(|x| x == "json") {
                let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
                texts.push((path.display().to_string(), text));
            }
        }
    } else {
        let unpacked = std::env::temp_dir().join(format!("kafka-schemas-{}", std::process::id()));
        let read = unpack(source, &unpacked).and_then(|()| load(&unpacked.join("common/message")));
        // A folder left behind in /tmp is no reason to fail.
        let _ = fs::remove_dir_all(&unpacked);
        return read;
    }
    if texts.is_empty() {
        return Err(format!("{} holds no schemas", source.display()));
    }
    let mut schemas = BTreeMap::new();
    for (path, text) in texts {
        let schema = Schema::parse(&text).map_err(|e| format!("{path}: {e}"))?;
        schemas.insert(schema.name.clone(), schema);
    }
    Ok(schemas)
}

/// A jar is a zip; every machine that can fetch one has `jar` or `unzip`.
fn unpack(jar: &Path, folder: &Path) -> Result<(), Error> {
    let jar = jar.canonicalize().map_err(|e| format!("{}: {e}", jar.display()))?;
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let tools: [(&str, &[&str]); 2] = [("unzip", &["-qo"]), ("jar", &["xf"])];
    for (tool, arguments) in tools {
        let mut command = Command::new(tool);
        command.args(arguments).arg(&jar).current_dir(folder).stdout(Stdio::null());
        if tool == "unzip" {
            command.arg("common/message/*.json");
        } else {
            command.arg("common/message");
        }
        if command.status().is_ok_and(|s| s.success()) {
            return Ok(());
        }
    }
    Err(format!("neither unzip nor jar could unpack {}", jar.display()))
}
