//! Mistakes on purpose, to prove that the simulation's checker sees them: behind the feature `mutants`, and off until one is chosen.
//! Without the feature nothing of this is in the code.

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mutant {
    /// A batch that got no answer counts as acknowledged.
    AcknowledgedDropped = 1,
    /// What is to be sent again is overtaken by newer batches.
    RetryOutOfOrder,
    /// Two batches have the same sequence numbers.
    SequenceReused,
    /// A new leader epoch is taken over without a look at where the log parts (KIP-320).
    StaleLeaderEpochAccepted,
    /// A delivery is reported twice.
    CompletedTwice,
    /// What was taken before a seek goes on being handed out.
    RecordAfterSeek,
    /// The record that is handed out next is committed as consumed already.
    CommitNotHandedOut,
    /// A partition that was revoked or lost is still read.
    RevokedStillRead,
    /// A member that is told that its generation is over goes on in it.
    GenerationIgnored,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::AcknowledgedDropped,
        Self::RetryOutOfOrder,
        Self::SequenceReused,
        Self::StaleLeaderEpochAccepted,
        Self::CompletedTwice,
        Self::RecordAfterSeek,
        Self::CommitNotHandedOut,
        Self::RevokedStillRead,
        Self::GenerationIgnored,
    ];
}

#[cfg(feature = "mutants")]
mod chosen {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Mutant;

    static CHOSEN: AtomicU8 = AtomicU8::new(0);

    /// Chooses a mistake for the whole process, or none.
    pub fn choose(mutant: Option<Mutant>) {
        CHOSEN.store(mutant.map_or(0, |mutant| mutant as u8), Ordering::Relaxed);
    }

    pub(crate) fn is(mutant: Mutant) -> bool {
        CHOSEN.load(Ordering::Relaxed) == mutant as u8
    }
}

#[cfg(feature = "mutants")]
pub use chosen::choose;
#[cfg(feature = "mutants")]
pub(crate) use chosen::is;

/// Never.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub(crate) const fn is(_mutant: Mutant) -> bool {
    false
}
