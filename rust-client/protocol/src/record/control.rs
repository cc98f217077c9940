//! Control records: the marks that a transaction's end, and a controller, leave in the log. No application sees them.

use super::builder::BatchBuilder;
use super::header::{Attributes, BatchHeader, seal_header};
use crate::{DecodeError, EncodeError};

/// What a control record says. (KIP-98; from `LeaderChange` on they stand in the controller's log only.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControlType {
    /// The transaction was aborted.
    Abort,
    /// The transaction was committed.
    Commit,
    /// The controllers have a new leader.
    LeaderChange,
    /// A snapshot begins.
    SnapshotHeader,
    /// A snapshot ends.
    SnapshotFooter,
    /// The version of the controllers' protocol.
    KRaftVersion,
    /// Who votes.
    KRaftVoters,
    /// One that is not known here, to be passed over.
    Unknown(i16),
}

impl ControlType {
    /// The type of this number.
    #[must_use]
    pub const fn from_id(id: i16) -> Self {
        match id {
            0 => Self::Abort,
            1 => Self::Commit,
            2 => Self::LeaderChange,
            3 => Self::SnapshotHeader,
            4 => Self::SnapshotFooter,
            5 => Self::KRaftVersion,
            6 => Self::KRaftVoters,
            other => Self::Unknown(other),
        }
    }

    /// Its number.
    #[must_use]
    pub const fn id(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::LeaderChange => 2,
            Self::SnapshotHeader => 3,
            Self::SnapshotFooter => 4,
            Self::KRaftVersion => 5,
            Self::KRaftVoters => 6,
            Self::Unknown(id) => id,
        }
    }
}

/// The key of a control record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlKey {
    /// The key's version. Later ones only append to what stands here.
    pub version: i16,
    /// What the record says.
    pub kind: ControlType,
}

impl ControlKey {
    /// Reads the key of a control record.
    ///
    /// # Errors
    /// If it is too short or its version negative.
    pub fn parse(key: &[u8]) -> Result<Self, DecodeError> {
        let Some(&[a, b, c, d]) = key.first_chunk::<4>() else {
            return Err(DecodeError::UnexpectedEnd { needed: 4, remaining: key.len() });
        };
        let version = i16::from_be_bytes([a, b]);
        if version < 0 {
            return Err(DecodeError::Malformed("a control record's version is negative"));
        }
        Ok(Self { version, kind: ControlType::from_id(i16::from_be_bytes([c, d])) })
    }

    /// The key as bytes.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; 4] {
        let [a, b] = self.version.to_be_bytes();
        let [c, d] = self.kind.id().to_be_bytes();
        [a, b, c, d]
    }
}

/// The value of a control record that ends a transaction (Kafka's `EndTxnMarker`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTxnMarker {
    /// The value's version. Later ones only append to what stands here.
    pub version: i16,
    /// The epoch of the transaction's coordinator, by which a log refuses one that was replaced.
    pub coordinator_epoch: i32,
}

impl EndTxnMarker {
    /// Reads the value of a record of type [`ControlType::Abort`] or [`ControlType::Commit`].
    ///
    /// # Errors
    /// If it is too short or its version negative.
    pub fn parse(value: &[u8]) -> Result<Self, DecodeError> {
        let Some(&[a, b, c, d, e, f]) = value.first_chunk::<6>() else {
            return Err(DecodeError::UnexpectedEnd { needed: 6, remaining: value.len() });
        };
        let version = i16::from_be_bytes([a, b]);
        if version < 0 {
            return Err(DecodeError::Malformed("a control record's version is negative"));
        }
        Ok(Self { version, coordinator_epoch: i32::from_be_bytes([c, d, e, f]) })
    }

    /// The value as bytes.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; 6] {
        let [a, b] = self.version.to_be_bytes();
        let [c, d, e, f] = self.coordinator_epoch.to_be_bytes();
        [a, b, c, d, e, f]
    }

    /// The whole batch that ends a producer's transaction: offset 0, no leader epoch; both may be put in afterwards.
    ///
    /// # Errors
    /// None in practice; the builder's.
    pub fn to_batch(
        &self,
        kind: ControlType,
        timestamp: i64,
        producer_id: i64,
        producer_epoch: i16,
    ) -> Result<Vec<u8>, EncodeError> {
        let key = ControlKey { version: 0, kind }.to_bytes();
        let none: [(&str, Option<&[u8]>); 0] = [];
        let mut builder = BatchBuilder::new(Vec::new());
        builder.append(timestamp, Some(&key), Some(&self.to_bytes()), none)?;
        let (payload, meta) = builder.finish();
        let attributes = Attributes::default().with_transactional(true).with_control(true);
        let mut header = BatchHeader { producer_id, producer_epoch, ..BatchHeader::for_batch(&meta, attributes) };
        let mut batch = seal_header(&mut header, &payload).to_vec();
        batch.extend_from_slice(&payload);
        Ok(batch)
    }
}
