//! Writes ottla-protocol's `src/messages` from the JSON schemas in the kafka-clients jar.
//!
//! `ottla-protocol-generator SCHEMAS OUTPUT`: SCHEMAS is the jar, or a folder of `*.json`; OUTPUT the folder to write to. After a
//! new Kafka release: fetch the jar (the error of the test `generated` names the command), run this, commit the difference.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [schemas, output] = arguments.as_slice() else {
        eprintln!("usage: ottla-protocol-generator KAFKA_CLIENTS_JAR_OR_FOLDER OUTPUT_FOLDER");
        return ExitCode::from(2);
    };
    match ottla_protocol_generator::generate(Path::new(schemas), Path::new(output)) {
        Ok(count) => {
            println!("{count} files written to {output}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("ottla-protocol-generator: {error}");
            ExitCode::FAILURE
        }
    }
}
