//! Waiting for the group, while the application's own part in it is done on the waiting thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ottla_core::error::Error;

use super::Group;
use crate::consumer::{Place, Shared};
use crate::runtime::block_on;

/// Does what the application is asked, until something else is over.
pub(crate) struct ServeUntil {
    place: Place,
    until: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl ServeUntil {
    pub(crate) fn new(shared: Arc<Shared>, until: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { place: Place::new(shared), until: Box::pin(until) }
    }
}

impl Future for ServeUntil {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            if this.until.as_mut().poll(context).is_ready() {
                this.place.leave();
                return Poll::Ready(Ok(()));
            }
            this.place.stand(context);
            match this.place.shared().clone().serve(context, false) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) | Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// A consumer that closes. That goes on whether this is waited for or not; but only who waits has its listener asked, and hears
/// whether the last commit succeeded. Over within `close.timeout.ms`.
pub struct Closing {
    group: Option<(Arc<Group>, ServeUntil)>,
}

impl Closing {
    pub(crate) fn new(shared: &Arc<Shared>, group: Option<&Arc<Group>>) -> Self {
        let group = group.map(|group| {
            let mut settled = group.settled.clone();
            // Ends when the driver does.
            let until = async move { while settled.changed().await.is_ok() {} };
            (group.clone(), ServeUntil::new(shared.clone(), until))
        });
        Self { group }
    }

    /// Waits on this thread, for callers without an executor.
    ///
    /// # Errors
    /// What was consumed could not be committed.
    pub fn wait(self) -> Result<(), Error> {
        block_on(self)
    }
}

impl Future for Closing {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some((group, serving)) = &mut self.group else { return Poll::Ready(Ok(())) };
        let Poll::Ready(served) = Pin::new(serving).poll(context) else { return Poll::Pending };
        let error = group.inner().close_error.clone();
        if served.is_ok() {
            self.group = None;
        }
        Poll::Ready(served.and(error.map_or(Ok(()), Err)))
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        if let Some((group, _)) = &self.group {
            group.leave_alone();
        }
    }
}
