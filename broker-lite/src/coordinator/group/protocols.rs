//! The protocols that a member knows, each with what it says of itself in it.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_protocol::Text;
use ottla_protocol::messages::join_group::JoinGroupRequestProtocol;

/// In the order in which the member likes them, and by name: there may be very many.
#[derive(Clone, Debug, Default)]
pub(super) struct Protocols {
    list: Vec<(Text, Bytes)>,
    by_name: BTreeMap<Text, usize>,
}

impl Protocols {
    /// Copies, so that nothing keeps a connection's buffer alive.
    pub(super) fn new(protocols: &[JoinGroupRequestProtocol]) -> Self {
        Self::from_list(protocols.iter().map(|it| (it.name.detach(), Bytes::copy_from_slice(&it.metadata))).collect())
    }

    fn from_list(list: Vec<(Text, Bytes)>) -> Self {
        let mut by_name = BTreeMap::new();
        for (at, (name, _)) in list.iter().enumerate() {
            by_name.entry(name.clone()).or_insert(at);
        }
        Self { list, by_name }
    }

    /// What the member says of itself in this protocol, if it knows it.
    pub(super) fn metadata(&self, name: &str) -> Option<&Bytes> {
        self.by_name.get(name).and_then(|at| self.list.get(*at)).map(|(_, metadata)| metadata)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Text> {
        self.list.iter().map(|(name, _)| name)
    }

    /// Whether these are the same, with the same metadata in the same order.
    pub(super) fn matches(&self, protocols: &[JoinGroupRequestProtocol]) -> bool {
        self.list.len() == protocols.len()
            && self.list.iter().zip(protocols).all(|((name, metadata), it)| *name == it.name && *metadata == it.metadata)
    }

    /// This one alone.
    pub(super) fn only(&self, name: &Text) -> Self {
        Self::from_list(self.metadata(name).map(|metadata| (name.clone(), metadata.clone())).into_iter().collect())
    }
}
