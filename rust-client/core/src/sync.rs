//! What threads share data with: the standard library's primitives and arc-swap, the very same types.
//!
//! With the feature `shuttle`, which only `tests/threads.rs` asks for, they are those of the crate shuttle: its scheduler then
//! decides, from a seed, where one thread goes on and another begins. It knows no weak memory: each atomic operation is seen by
//! all threads at once, whatever its `Ordering`.

#[cfg(not(feature = "shuttle"))]
mod primitives {
    pub(crate) use arc_swap::{ArcSwap, ArcSwapOption};
    pub(crate) use std::sync::{Mutex, MutexGuard, OnceLock, atomic};
}

#[cfg(feature = "shuttle")]
mod primitives {
    use std::sync::{Arc, PoisonError};

    pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};

    /// The standard one; another thread may come before each of its operations. None of them blocks: none takes an initialiser.
    #[derive(Debug)]
    pub(crate) struct OnceLock<T> {
        value: std::sync::OnceLock<T>,
        touched: atomic::AtomicBool,
    }

    impl<T> Default for OnceLock<T> {
        fn default() -> Self {
            Self::new()
        }
    }

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> Self {
            Self { value: std::sync::OnceLock::new(), touched: atomic::AtomicBool::new(false) }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            self.touched.load(atomic::Ordering::SeqCst);
            self.value.get()
        }

        pub(crate) fn set(&self, value: T) -> Result<(), T> {
            self.touched.store(true, atomic::Ordering::SeqCst);
            self.value.set(value)
        }
    }

    /// An `ArcSwap` behind a mutex; so is [`ArcSwapOption`].
    #[derive(Debug, Default)]
    pub(crate) struct ArcSwap<T>(Mutex<Arc<T>>);

    impl<T> ArcSwap<T> {
        pub(crate) fn load(&self) -> Arc<T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }

        pub(crate) fn load_full(&self) -> Arc<T> {
            self.load()
        }

        pub(crate) fn store(&self, value: Arc<T>) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
        }
    }

    #[derive(Debug, Default)]
    pub(crate) struct ArcSwapOption<T>(Mutex<Option<Arc<T>>>);

    impl<T> ArcSwapOption<T> {
        pub(crate) fn empty() -> Self {
            Self(Mutex::new(None))
        }

        pub(crate) fn load(&self) -> Option<Arc<T>> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }

        pub(crate) fn load_full(&self) -> Option<Arc<T>> {
            self.load()
        }

        pub(crate) fn store(&self, value: Option<Arc<T>>) {
            // What was there is dropped outside the lock.
            let before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), value);
            drop(before);
        }
    }
}

pub(crate) use primitives::*;
pub(crate) use std::sync::{Arc, PoisonError, Weak};

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    /// Compiles only while these are the standard types themselves: what an application runs with has no layer of this module's.
    #[test]
    fn without_the_feature_these_are_the_standard_types() {
        let mutex: std::sync::Mutex<u8> = super::Mutex::new(1);
        let guard: std::sync::MutexGuard<'_, u8> = mutex.lock().unwrap();
        let once: std::sync::OnceLock<u8> = super::OnceLock::new();
        let atomic: std::sync::atomic::AtomicU32 = super::atomic::AtomicU32::new(2);
        let swap: arc_swap::ArcSwapOption<u8> = super::ArcSwapOption::empty();
        assert_eq!((*guard, once.get(), atomic.into_inner(), swap.load_full()), (1, None, 2, None));
    }
}
