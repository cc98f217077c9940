//! What JavaScript holds, by number: a client, a producer, a consumer, a broker of this thread's environment.

use std::cell::RefCell;
use std::rc::Rc;

use ottla_bindings::TestBroker;

use crate::client::ClientHandle;
use crate::consumer::ConsumerHandle;
use crate::producer::ProducerHandle;

/// The low bits of a number are a place, the others count who had it: who still holds the number of a value that was removed finds
/// nothing, not another's.
const PLACE_BITS: u32 = 20;
const PLACE: u32 = (1 << PLACE_BITS) - 1;
const TURNS: u32 = 1 << (u32::BITS - PLACE_BITS);

struct Slot<T> {
    turn: u32,
    value: Option<T>,
}

/// Values by number.
pub(crate) struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// The value's number. More than a million at once find no place: such a value is dropped, and its number leads to nothing.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                let place = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
                if place >= PLACE {
                    return u32::MAX;
                }
                self.slots.push(Slot { turn: 0, value: None });
                place
            }
        };
        let Some(slot) = self.slots.get_mut(place as usize) else { return u32::MAX };
        slot.value = Some(value);
        slot.turn << PLACE_BITS | place
    }

    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        let slot = self.slots.get((at & PLACE) as usize)?;
        slot.value.as_ref().filter(|_| slot.turn == at >> PLACE_BITS)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.value.as_ref())
    }

    pub(crate) fn remove(&mut self, at: u32) -> Option<T> {
        let place = at & PLACE;
        let slot = self.slots.get_mut(place as usize).filter(|slot| slot.turn == at >> PLACE_BITS)?;
        let value = slot.value.take()?;
        slot.turn = (slot.turn + 1) % TURNS;
        self.free.push(place);
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
