//! The way of a record out: partitioner, accumulator, sender.

mod accumulator;
mod batch;
#[cfg(test)]
mod fault_tests;
mod incomplete;
pub mod partitioner;
mod quota;
mod sender;
mod settings;
#[cfg(test)]
mod tests;

pub use accumulator::{Accumulator, AppendError, Appended, EdgeWaker, RecordRef, Topic};
pub use batch::DeliveryReport;
pub use incomplete::FlushWaiter;
pub use quota::Quota;
pub use sender::{Command, Sender};
pub use settings::ProducerSettings;
