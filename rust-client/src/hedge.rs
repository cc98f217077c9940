//! One of several ways to the same answer, without waiting for those that are slow.

use std::future::Future;
use std::time::Duration;

use ottla_core::error::{Error, ErrorKind};
use tokio::task::JoinSet;

/// The first success. An attempt begins when the one before has failed, or has been silent for `pause`: then beside it. The last error
/// if all fail, `none` if there is no attempt; [`ErrorKind::Closed`] ends them all. Runs on the IO runtime.
pub(crate) async fn first_of<T, F>(attempts: impl IntoIterator<Item = F>, pause: Duration, none: Error) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let mut attempts = attempts.into_iter();
    // What is still under way at the end, or when the caller gives up, is dropped with the set.
    let mut under_way = JoinSet::new();
    let mut last = none;
    loop {
        let next = attempts.next();
        let more = next.is_some();
        if let Some(next) = next {
            under_way.spawn(next);
        }
        loop {
            let ended = tokio::select! {
                biased;
                ended = under_way.join_next() => ended,
                () = tokio::time::sleep(pause), if more => break,
            };
            match ended {
                None if more => break,
                None => return Err(last),
                Some(Ok(Ok(answer))) => return Ok(answer),
                Some(Ok(Err(error))) if error.kind() == ErrorKind::Closed => return Err(error),
                Some(Ok(Err(error))) => {
                    last = error;
                    if more {
                        break;
                    }
                }
                // The runtime ends.
                Some(Err(_)) => {}
            }
        }
    }
}
