//! Prints `CONFIGURATION.md`: `cargo run -p ottla-core --example configuration > CONFIGURATION.md`.

fn main() {
    print!("{}", ottla_core::config::document());
}
