//! A live Apache Kafka for tests: fetched once from Maven Central, started on free ports in a folder of its own, and gone with the
//! process that started it, however that one ends.
//!
//! ```no_run
//! let kafka = ottla_tests::kafka::LiveKafka::shared();
//! println!("{}", kafka.bootstrap_servers());
//! ```

mod process;

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use process::{Server, WorkFolder, run_to_end};
pub use process::{ToolOutput, run_program};

/// The release of Apache Kafka that the tests run against.
pub const KAFKA_VERSION: &str = "4.3.1";

/// Printed by a broker once it serves requests.
const READY: &str = "Kafka Server started";
const READY_WITHIN: Duration = Duration::from_secs(120);
const TOOL_WITHIN: Duration = Duration::from_secs(120);
/// A port that was free a moment ago may be taken when the broker binds it.
const ATTEMPTS: u32 = 5;
const CLUSTER_ID: &str = "b3R0bGEtdGVzdHMtb25lMQ";

/// What kind of cluster to start.
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// How many brokers: the first is the controller too.
    pub brokers: u32,
    /// Lines added to each broker's `server.properties`; a later line with the same name wins.
    pub properties: Vec<(String, String)>,
    /// The JVM's heap in megabytes.
    pub heap_mb: u32,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self { brokers: 1, properties: Vec::new(), heap_mb: 512 }
    }
}

impl KafkaOptions {
    /// A cluster of so many brokers.
    #[must_use]
    pub fn brokers(brokers: u32) -> Self {
        Self { brokers, ..Self::default() }
    }

    /// With one more line in `server.properties`, in which `{node}` stands for the broker's id.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A running cluster. Dropping it kills the brokers and removes their data.
#[derive(Debug)]
pub struct LiveKafka {
    bootstrap_servers: String,
    // Dropped in this order: the brokers first, then their folder.
    servers: Vec<Server>,
    folder: WorkFolder,
    libs: PathBuf,
    heap_mb: u32,
}

impl LiveKafka {
    /// One broker.
    ///
    /// # Panics
    /// When it does not start; the broker's log is in the message.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&KafkaOptions::default())
    }

    /// A cluster as the options say.
    ///
    /// # Panics
    /// When it does not start; the broker's log is in the message.
    #[must_use]
    #[allow(clippy::panic, reason = "a fixture: a test without its broker has failed, and is never skipped")]
    pub fn start_with(options: &KafkaOptions) -> Self {
        match Self::try_start_with(options) {
            Ok(kafka) => kafka,
            Err(error) => panic!("Apache Kafka did not start: {error}"),
        }
    }

    /// One broker for all tests of this process, started by the first that asks. It ends with the process.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<LiveKafka> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Three brokers for all tests of this process, as [`shared`](Self::shared).
    #[must_use]
    pub fn shared_cluster() -> &'static Self {
        static SHARED: OnceLock<LiveKafka> = OnceLock::new();
        SHARED.get_or_init(|| Self::start_with(&KafkaOptions::brokers(3)))
    }

    /// A cluster as the options say.
    ///
    /// # Errors
    /// Kafka's jars can't be fetched, or a broker ended or was not ready in time: then its log is in the error.
    pub fn try_start_with(options: &KafkaOptions) -> io::Result<Self> {
        let libs = kafka_libs()?;
        let mut attempt = 1;
        loop {
            match Self::start_once(&libs, options) {
                Err(error) if attempt < ATTEMPTS && error.to_string().contains("Address already in use") => attempt += 1,
                result => return result,
            }
        }
    }

    fn start_once(libs: &Path, options: &KafkaOptions) -> io::Result<Self> {
        let folder = WorkFolder::create("ottla-kafka")?;
        std::fs::write(folder.path().join("log4j2.properties"), log4j_properties("INFO", "SYSTEM_OUT"))?;
        std::fs::write(folder.path().join("tools-log4j2.properties"), log4j_properties("ERROR", "SYSTEM_ERR"))?;

        let ports = free_ports(options.brokers as usize + 1)?;
        let (Some((controller_port, broker_ports)), true) = (ports.split_first(), options.brokers > 0) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a cluster needs a broker"));
        };
        let mut servers = Vec::new();
        for (node_id, port) in (1..).zip(broker_ports) {
            let data = folder.path().join(format!("data-{node_id}"));
            let properties = properties_file(folder.path(), node_id);
            std::fs::write(&properties, server_properties(node_id, *port, *controller_port, &data, options))?;
            format_storage(libs, &properties, node_id)?;

            servers.push(start_server(libs, folder.path(), node_id, options.heap_mb)?);
        }
        // All are started before the first is waited for: the controller is not ready alone when a property asks for more brokers.
        for server in &servers {
            server.wait_for(READY, READY_WITHIN)?;
        }
        let addresses: Vec<String> = broker_ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        Ok(Self { bootstrap_servers: addresses.join(","), servers, folder, libs: libs.to_owned(), heap_mb: options.heap_mb })
    }

    /// The brokers' addresses, separated by commas.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// How many brokers were started.
    #[must_use]
    pub fn brokers(&self) -> usize {
        self.servers.len()
    }

    /// The folder with Kafka's jars.
    #[must_use]
    pub fn libs(&self) -> &Path {
        &self.libs
    }

    /// The folder with a broker's partitions (`TOPIC-PARTITION/*.log`).
    #[must_use]
    pub fn data_folder(&self, node_id: u32) -> PathBuf {
        self.folder.path().join(format!("data-{node_id}"))
    }

    /// The process ids of the brokers' guardians, for tests of the fixture itself.
    #[must_use]
    pub fn guardian_ids(&self) -> Vec<u32> {
        self.servers.iter().map(Server::guardian_id).collect()
    }

    /// The last lines of the brokers' logs.
    #[must_use]
    pub fn log(&self) -> String {
        self.servers.iter().map(Server::log).collect::<Vec<_>>().join("\n")
    }

    /// Kills a broker (its number from 1) as a power cut would.
    pub fn kill_broker(&mut self, node_id: u32) {
        if let Some(server) = self.servers.get_mut((node_id as usize).wrapping_sub(1)) {
            server.kill();
        }
    }

    /// Starts a killed broker again, with its data and on its port, and waits until it serves.
    ///
    /// # Errors
    /// It ended or was not ready in time: then its log is in the error.
    pub fn restart_broker(&mut self, node_id: u32) -> io::Result<()> {
        let Some(place) = self.servers.get_mut((node_id as usize).wrapping_sub(1)) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("there is no broker {node_id}")));
        };
        *place = start_server(&self.libs, self.folder.path(), node_id, self.heap_mb)?;
        place.wait_for(READY, READY_WITHIN)
    }

    /// Stops a broker in its tracks (SIGSTOP): its connections stay open, and nothing is answered.
    ///
    /// # Errors
    /// There is no such broker, or it can't be signalled.
    pub fn pause_broker(&self, node_id: u32) -> io::Result<()> {
        self.server(node_id)?.signal("STOP")
    }

    /// Lets a paused broker go on (SIGCONT).
    ///
    /// # Errors
    /// There is no such broker, or it can't be signalled.
    pub fn resume_broker(&self, node_id: u32) -> io::Result<()> {
        self.server(node_id)?.signal("CONT")
    }

    fn server(&self, node_id: u32) -> io::Result<&Server> {
        let found = self.servers.get((node_id as usize).wrapping_sub(1));
        found.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, format!("there is no broker {node_id}")))
    }

    /// Runs a class of Kafka's tools to its end, with the text as its standard input.
    ///
    /// # Errors
    /// It can't be started, or does not end in time.
    pub fn run_tool(&self, class: &str, arguments: &[&str], stdin: &[u8]) -> io::Result<ToolOutput> {
        let mut java = java(&self.libs, &self.folder.path().join("tools-log4j2.properties"));
        java.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]).arg(class).args(arguments);
        run_to_end(java, stdin, TOOL_WITHIN)
    }

    /// `kafka-topics --bootstrap-server ... ARGUMENTS`: what it printed.
    ///
    /// # Errors
    /// The tool failed; what it printed is in the error.
    pub fn topics(&self, arguments: &[&str]) -> io::Result<String> {
        let mut all = vec!["--bootstrap-server", self.bootstrap_servers()];
        all.extend_from_slice(arguments);
        self.run_tool("org.apache.kafka.tools.TopicCommand", &all, b"")?.into_text()
    }

    /// Creates a topic, with as many replicas as said.
    ///
    /// # Errors
    /// The tool failed; what it printed is in the error.
    pub fn create_topic(&self, topic: &str, partitions: u32, replication_factor: u32) -> io::Result<()> {
        let (partitions, replicas) = (partitions.to_string(), replication_factor.to_string());
        let arguments = ["--create", "--topic", topic, "--partitions", &partitions, "--replication-factor", &replicas];
        self.topics(&arguments).map(drop)
    }
}

/// A name that no other test has, for topics and groups.
#[must_use]
pub fn unique_name(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The workspace's root folder.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// The folder with Kafka's jars; the first call on a machine fetches them.
///
/// # Errors
/// They can't be fetched; what the script printed is in the error.
pub fn kafka_libs() -> io::Result<PathBuf> {
    let mut script = Command::new("bash");
    script.arg(workspace_root().join("tests/tools/fetch-kafka.sh")).arg(KAFKA_VERSION);
    let text = run_to_end(script, b"", Duration::from_secs(900))?.into_text()?;
    text.lines().last().map(PathBuf::from).ok_or_else(|| io::Error::other("fetch-kafka.sh printed no folder"))
}

/// Ports that nobody listened on a moment ago, all different.
fn free_ports(count: usize) -> io::Result<Vec<u16>> {
    let listeners = (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<io::Result<Vec<_>>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

fn java(libs: &Path, log_configuration: &Path) -> Command {
    let mut java = Command::new("java");
    java.arg(format!("-Dlog4j2.configurationFile={}", log_configuration.display()));
    java.arg("-cp").arg(libs.join("*"));
    java
}

fn properties_file(folder: &Path, node_id: u32) -> PathBuf {
    folder.join(format!("server-{node_id}.properties"))
}

fn start_server(libs: &Path, folder: &Path, node_id: u32, heap_mb: u32) -> io::Result<Server> {
    let mut java = java(libs, &folder.join("log4j2.properties"));
    java.args([format!("-Xmx{heap_mb}m"), format!("-Xms{}m", heap_mb / 2)]);
    java.arg("-XX:+UseSerialGC").arg("kafka.Kafka").arg(properties_file(folder, node_id));
    Server::spawn(&format!("broker {node_id}"), &java)
}

fn format_storage(libs: &Path, properties: &Path, node_id: u32) -> io::Result<()> {
    let mut java = Command::new("java");
    java.args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]).arg(libs.join("*"));
    java.args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config"]).arg(properties);
    // The first broker is the only voter of the controllers' quorum.
    java.arg(if node_id == 1 { "--standalone" } else { "--no-initial-controllers" });
    run_to_end(java, b"", TOOL_WITHIN)?.into_text().map(drop)
}

fn server_properties(node_id: u32, port: u16, controller_port: u16, data: &Path, options: &KafkaOptions) -> String {
    let replicas = options.brokers.min(3);
    let in_sync = replicas.saturating_sub(1).max(1);
    let (roles, listeners) = if node_id == 1 {
        ("broker,controller", format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}"))
    } else {
        ("broker", format!("PLAINTEXT://127.0.0.1:{port}"))
    };
    let mut text = format!(
        "process.roles={roles}
node.id={node_id}
listeners={listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
log.dirs={data}
auto.create.topics.enable=true
num.partitions=1
default.replication.factor=1
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
",
        data = data.display(),
    );
    for (name, value) in &options.properties {
        let value = value.replace("{node}", &node_id.to_string());
        text.push_str(&format!("{name}={value}\n"));
    }
    text
}

fn log4j_properties(level: &str, target: &str) -> String {
    format!(
        "status = error
appender.out.type = Console
appender.out.name = out
appender.out.target = {target}
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{{HH:mm:ss.SSS}} %-5p %c{{1}} %m%n
rootLogger.level = {level}
rootLogger.appenderRef.out.ref = out
"
    )
}

#[cfg(test)]
mod tests;
