//! What JavaScript holds, by number: a client, a producer, a consumer, a broker of this thread's environment.

use std::cell::RefCell;
use std::rc::Rc;

use ottla_bindings::TestBroker;

use crate::client::ClientHandle;
use crate::consumer::ConsumerHandle;
use crate::producer::ProducerHandle;

/// Values by number. A number is used again once its value was removed.
pub(crate) struct Slots<T> {
    values: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self { values: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(at) = self.free.pop()
            && let Some(slot) = self.values.get_mut(at as usize)
        {
            *slot = Some(value);
            return at;
        }
        self.values.push(Some(value));
        u32::try_from(self.values.len() - 1).unwrap_or(u32::MAX)
    }

    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        self.values.get(at as usize)?.as_ref()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.values.iter().flatten()
    }

    pub(crate) fn remove(&mut self, at: u32) -> Option<T> {
        let value = self.values.get_mut(at as usize)?.take()?;
        self.free.push(at);
        Some(value)
    }
}

/// The slots of one kind of handle.
pub(crate) type Handles<T> = RefCell<Slots<Rc<T>>>;

thread_local! {
    static CLIENTS: Handles<ClientHandle> = const { RefCell::new(Slots::new()) };
    static PRODUCERS: Handles<ProducerHandle> = const { RefCell::new(Slots::new()) };
    static CONSUMERS: Handles<ConsumerHandle> = const { RefCell::new(Slots::new()) };
    static BROKERS: Handles<TestBroker> = const { RefCell::new(Slots::new()) };
}

macro_rules! handles {
    ($type:ty, $slots:ident, $insert:ident, $get:ident, $remove:ident) => {
        pub(crate) fn $insert(handle: Rc<$type>) -> u32 {
            $slots.with_borrow_mut(|slots| slots.insert(handle))
        }

        #[inline]
        pub(crate) fn $get(at: u32) -> Option<Rc<$type>> {
            $slots.with_borrow(|slots| slots.get(at).cloned())
        }

        pub(crate) fn $remove(at: u32) -> Option<Rc<$type>> {
            $slots.with_borrow_mut(|slots| slots.remove(at))
        }
    };
}

handles!(ClientHandle, CLIENTS, add_client, client, remove_client);
handles!(ProducerHandle, PRODUCERS, add_producer, producer, remove_producer);
handles!(ConsumerHandle, CONSUMERS, add_consumer, consumer, remove_consumer);
handles!(TestBroker, BROKERS, add_broker, broker, remove_broker);

/// Does something with each producer.
pub(crate) fn each_producer(mut act: impl FnMut(&ProducerHandle)) {
    let all: Vec<_> = PRODUCERS.with_borrow(|slots| slots.iter().cloned().collect());
    all.iter().for_each(|handle| act(handle));
}

/// Lets go of everything: the environment goes.
pub(crate) fn clear() {
    // Taken first: what is dropped may look here.
    drop(PRODUCERS.replace(Slots::new()));
    drop(CONSUMERS.replace(Slots::new()));
    drop(CLIENTS.replace(Slots::new()));
    drop(BROKERS.replace(Slots::new()));
}
