//! Writes the messages.
fn main() {}
