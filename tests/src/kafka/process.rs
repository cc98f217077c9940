//! Processes that end when they should: a server under a guardian, and programs run to their end within a bound.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How many lines of a server's log are kept.
const LOG_LINES: usize = 300;

/// Runs the server beside itself and waits for the end of its own standard input, whose other end this process holds: when this
/// process ends, by whatever way, the server is killed. The guardian lets go of its standard output, so that the end of the log is
/// the end of the server.
const GUARDIAN: &str = r#"
"$@" 2>&1 </dev/null &
server=$!
echo "guardian of $server"
exec >/dev/null 2>&1
cat
kill -9 "$server"
wait "$server"
"#;

/// As above, for a folder: it is removed when this process has ended without having done so. A server that is being killed may
/// write a last file, hence more than one try.
const FOLDER_GUARDIAN: &str = r#"
cat >/dev/null 2>&1
tries=0
while [ -e "$1" ] && [ $tries -lt 20 ]; do
    rm -rf -- "$1" 2>/dev/null || sleep 0.1
    tries=$((tries + 1))
done
"#;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a server has printed.
#[derive(Debug, Default)]
struct Log {
    lines: VecDeque<String>,
    /// Everything that was ever waited for stands in the first line that had it, even when that line has been dropped since.
    seen: Vec<String>,
    wanted: Vec<String>,
    /// The server's process id, once its guardian has told it.
    process_id: Option<u32>,
    ended: bool,
}

/// A server process, killed on drop and at the end of this process.
#[derive(Debug)]
pub(super) struct Server {
    name: String,
    guardian: Child,
    log: Arc<(Mutex<Log>, Condvar)>,
}

impl Server {
    /// Starts the program of `command` (its environment and folder are this process' own).
    pub(super) fn spawn(name: &str, command: &Command) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", GUARDIAN, "guardian"]).arg(command.get_program()).args(command.get_args());
        in_own_group(&mut shell);
        let mut guardian = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = guardian.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        let log = Arc::new((Mutex::new(Log::default()), Condvar::new()));
        let reader = Arc::clone(&log);
        thread::Builder::new().name(format!("log of {name}")).spawn(move || read_log(output, &reader))?;
        Ok(Self { name: name.to_owned(), guardian, log })
    }

    pub(super) fn guardian_id(&self) -> u32 {
        self.guardian.id()
    }

    /// Waits until a line with this text has been printed.
    pub(super) fn wait_for(&self, text: &str, within: Duration) -> io::Result<()> {
        let end = Instant::now() + within;
        let (log, changed) = &*self.log;
        let mut log = lock(log);
        if !log.wanted.iter().any(|wanted| wanted == text) {
            log.wanted.push(text.to_owned());
            if log.lines.iter().any(|line| line.contains(text)) {
                log.seen.push(text.to_owned());
            }
        }
        loop {
            if log.seen.iter().any(|seen| seen == text) {
                return Ok(());
            }
            let left = end.saturating_duration_since(Instant::now());
            if log.ended || left.is_zero() {
                let what = if log.ended { "ended".to_owned() } else { format!("did not print '{text}' in {within:?}") };
                drop(log);
                return Err(io::Error::other(format!("{} {what}; {}", self.name, self.log())));
            }
            log = changed.wait_timeout(log, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Sends the server a signal, by its name without SIG.
    pub(super) fn signal(&self, name: &str) -> io::Result<()> {
        let id = lock(&self.log.0).process_id.ok_or_else(|| io::Error::other(format!("{} has no process id yet", self.name)))?;
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}")).arg(id.to_string());
        run_to_end(kill, b"", Duration::from_secs(10))?.into_text().map(drop)
    }

    /// The last lines that it printed.
    pub(super) fn log(&self) -> String {
        let log = lock(&self.log.0);
        let mut text = format!("the last {} lines of {}:\n", log.lines.len(), self.name);
        for line in &log.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Kills it at once and waits until it is gone.
    pub(super) fn kill(&mut self) {
        drop(self.guardian.stdin.take());
        let _ = self.guardian.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.log());
        }
        self.kill();
    }
}

fn read_log(output: impl Read, log: &(Mutex<Log>, Condvar)) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        // As bytes: a log may hold what is no UTF-8.
        let more = matches!(output.read_until(b'\n', &mut line), Ok(read) if read > 0);
        let mut state = lock(&log.0);
        if more {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if state.process_id.is_none() {
                state.process_id = text.strip_prefix("guardian of ").and_then(|id| id.parse().ok());
            }
            let found: Vec<String> = state.wanted.iter().filter(|wanted| text.contains(*wanted)).cloned().collect();
            if !found.is_empty() {
                state.seen.extend(found);
                log.1.notify_all();
            }
            if state.lines.len() == LOG_LINES {
                state.lines.pop_front();
            }
            state.lines.push_back(text);
        } else {
            state.ended = true;
            log.1.notify_all();
            return;
        }
    }
}

/// A signal sent to a terminal's foreground processes must not reach the server before its guardian acts.
fn in_own_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// A folder in the system's temporary folder, removed on drop, or by a guardian at the end of this process.
#[derive(Debug)]
pub(super) struct WorkFolder {
    path: PathBuf,
    guardian: Child,
}

impl WorkFolder {
    pub(super) fn create(prefix: &str) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let path = loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("{prefix}-{}-{number}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => break path,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        };
        let mut shell = Command::new("sh");
        shell.args(["-c", FOLDER_GUARDIAN, "guardian"]).arg(&path);
        in_own_group(&mut shell);
        let guardian = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Self { path, guardian })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        drop(self.guardian.stdin.take());
        let _ = self.guardian.wait();
    }
}

/// How a program ended, and what it printed.
#[derive(Debug, Clone)]
pub struct ToolOutput {
    /// Whether it ended with status 0.
    pub success: bool,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl ToolOutput {
    /// Its standard output as text.
    ///
    /// # Errors
    /// It failed: the error has both outputs.
    pub fn into_text(self) -> io::Result<String> {
        let stdout = String::from_utf8_lossy(&self.stdout).into_owned();
        if self.success {
            return Ok(stdout);
        }
        Err(io::Error::other(format!("the program failed: {stdout}\n{}", String::from_utf8_lossy(&self.stderr))))
    }
}

/// Runs a program (kcat, say) to its end, with the bytes as its standard input.
///
/// # Errors
/// It can't be started (the error names it), or does not end in time, in which case it is killed.
pub fn run_program(program: &str, arguments: &[&str], stdin: &[u8], within: Duration) -> io::Result<ToolOutput> {
    let mut command = Command::new(program);
    command.args(arguments);
    run_to_end(command, stdin, within)
}

pub(super) fn run_to_end(mut command: Command, stdin: &[u8], within: Duration) -> io::Result<ToolOutput> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (done, ended) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            // A program that ends without reading all of it is judged by its own status.
            input.map(|mut input| input.write_all(stdin))
        });
        let stderr = scope.spawn(move || read_all(errors));
        let stdout = scope.spawn(move || {
            let bytes = read_all(output);
            let _ = done.send(());
            bytes
        });
        let in_time = ended.recv_timeout(within).is_ok();
        if !in_time {
            child.kill()?;
        }
        let status = child.wait()?;
        let stdout = stdout.join().unwrap_or_default();
        let stderr = stderr.join().unwrap_or_default();
        if !in_time {
            let said = String::from_utf8_lossy(&stderr).into_owned();
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("{name} did not end within {within:?}: {said}")));
        }
        Ok(ToolOutput { success: status.success(), stdout, stderr })
    })
}

fn read_all(from: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        let _ = from.read_to_end(&mut bytes);
    }
    bytes
}
