//! The faces' runners: how each is started, and a conversation with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use crate::Failure;
use crate::brokers::Control;
use crate::data::Scenario;

pub(crate) const FACES: [&str; 4] = ["rust", "python", "node", "c"];
/// No step takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where what was built lies.
pub(crate) struct Built {
    root: PathBuf,
    /// The folder of this program.
    binaries: PathBuf,
}

impl Built {
    pub(crate) fn find() -> Result<Self, Failure> {
        let binaries = std::env::current_exe()?.parent().ok_or("this program is in no folder")?.to_owned();
        Ok(Self { root: ottla_tests::kafka::workspace_root(), binaries })
    }

    pub(crate) fn conformance(&self) -> PathBuf {
        self.root.join("tests/conformance")
    }

    fn runners(&self) -> PathBuf {
        self.conformance().join("runners")
    }

    fn there(path: PathBuf, hint: &str) -> Result<PathBuf, Failure> {
        if path.exists() { Ok(path) } else { Err(format!("there is no {}: {hint}", path.display()).into()) }
    }

    fn command(&self, face: &str) -> Result<Command, Failure> {
        Ok(match face {
            "python" => {
                Self::there(self.root.join("python/ottla/_ottla.abi3.so"), "python/tools/build.sh builds it")?;
                let mut command = Command::new(self.root.join(".cache/python-venv/bin/python"));
                command.arg(self.runners().join("runner.py")).env("PYTHONPATH", self.root.join("python"));
                command
            }
            "node" => {
                let package = self.root.join("node");
                Self::there(package.join("dist/index.mjs"), "node/tools/build.sh builds it")?;
                let mut command = Command::new("node");
                command.arg(self.runners().join("runner.mjs")).arg(package);
                command
            }
            "c" => self.compiled()?,
            _ => Command::new(Self::there(self.binaries.join("conformance_runner"), "cargo build -p ottla-tests --bins")?),
        })
    }

    /// The C runner, compiled against our header and linked with our library.
    fn compiled(&self) -> Result<Command, Failure> {
        let library = Self::there(self.binaries.join("librdkafka.so"), "cargo build -p ottla-c builds it")?;
        let folder = self.binaries.join("conformance-c");
        std::fs::create_dir_all(&folder)?;
        let link = folder.join("librdkafka.so.1");
        if std::fs::read_link(&link).ok().as_deref() != Some(&library) {
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(&library, &link)?;
        }
        let program = folder.join("runner");
        let mut cc = Command::new("cc");
        cc.args(["-std=gnu99", "-Wall", "-Wextra", "-Werror", "-g", "-O1", "-I"]).arg(self.root.join("c-include"));
        cc.arg("-I").arg(self.root.join("bindings/c/tests"));
        cc.arg(self.runners().join("runner.c")).arg("-o").arg(&program).arg(&link).args(["-lpthread", "-lm"]);
        let compiled = cc.output().map_err(|error| format!("a C compiler, cc: {error}"))?;
        if !compiled.status.success() {
            return Err(String::from_utf8_lossy(&compiled.stderr).into_owned().into());
        }
        let mut command = Command::new(program);
        command.env("LD_LIBRARY_PATH", folder);
        Ok(command)
    }
}

/// A runner's process.
pub(crate) struct Runner {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
}

impl Runner {
    pub(crate) fn start(built: &Built, face: &str) -> Result<Self, Failure> {
        let mut command = built.command(face)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).current_dir(&built.root);
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", Path::new(command.get_program()).display()))?;
        let (send, lines) = channel();
        let stdout = child.stdout.take().ok_or("no standard output")?;
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let mut stderr = child.stderr.take().ok_or("no standard error")?;
        let errors = thread::spawn(move || {
            let mut all = Vec::new();
            let _ = stderr.read_to_end(&mut all);
            String::from_utf8_lossy(&all).into_owned()
        });
        Ok(Self { stdin: child.stdin.take(), child, lines, errors: Some(errors) })
    }

    /// Runs a scenario: what came of each step that has an outcome.
    pub(crate) fn run(&mut self, scenario: &Scenario, given: &Value, control: &Control<'_>) -> Result<Vec<Value>, Failure> {
        self.say(given)?;
        let mut outcomes = Vec::new();
        for _ in scenario.steps() {
            let line = self.lines.recv_timeout(PATIENCE).map_err(|error| format!("no line: {error}; {}", self.end()))?;
            let mut line: Value = serde_json::from_str(&line).map_err(|error| format!("{error} in {line}"))?;
            if let Some(what) = line["ask"].as_str() {
                control.ask(what)?;
                self.say(&json!("done"))?;
            } else {
                outcomes.push(line["outcome"].take());
            }
        }
        Ok(outcomes)
    }

    fn say(&mut self, line: &Value) -> Result<(), Failure> {
        let stdin = self.stdin.as_mut().ok_or("it has ended")?;
        Ok(writeln!(stdin, "{line}").and_then(|()| stdin.flush())?)
    }

    /// Ends it, and tells what it wrote to its standard error.
    fn end(&mut self) -> String {
        drop(self.stdin.take());
        let _ = self.child.kill();
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let errors = self.errors.take().and_then(|errors| errors.join().ok()).unwrap_or_default();
        format!("it ended ({status}) and said on standard error: {errors}")
    }

    /// Lets it come to its end.
    ///
    /// # Errors
    /// If it did not end well.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        drop(self.stdin.take());
        // Its standard output ends with it.
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => return Err(format!("a line that nobody asked for: {line}").into()),
            Err(RecvTimeoutError::Timeout) => return Err(format!("it does not end: {}", self.end()).into()),
            Err(RecvTimeoutError::Disconnected) => {}
        }
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("not a good end: {}", self.end()).into()) }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if self.stdin.is_some() {
            self.end();
        }
    }
}
