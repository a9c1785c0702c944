//! Names of processes: [`Upid`], which travels, and [`Pid`], which knows its process's type.

use crate::cell::Cell;
use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;
use thiserror::Error;

/// The address of a process anywhere: `id@ip:port` (LP-02).
///
/// It is a name, not a promise: nothing says that such a process exists. Clones are cheap. Two
/// `Upid`s are equal when their text is; the default is the empty name, [`Upid::nobody`].
///
/// A `Upid` that came from a spawn also remembers where in this program the process lives, which
/// spares the look-up when it is sent to.
#[derive(Clone, Default)]
pub struct Upid(Option<Arc<Inner>>);

struct Inner {
    id: Arc<str>,
    address: SocketAddr,
    cell: Option<Arc<Cell>>,
}

/// The address of the empty name.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Upid {
    /// The name of the process `id` of the node at `address`.
    ///
    /// An empty `id` means the delegate of that node (LP-02).
    pub fn new(id: impl Into<Arc<str>>, address: SocketAddr) -> Self {
        Self(Some(Arc::new(Inner { id: id.into(), address, cell: None })))
    }

    /// The name of nobody: the sender of a message that has none.
    pub const fn nobody() -> Self {
        Self(None)
    }

    /// The name of a process of this program.
    pub(crate) fn of(cell: Arc<Cell>, address: SocketAddr) -> Self {
        Self(Some(Arc::new(Inner { id: cell.id().clone(), address, cell: Some(cell) })))
    }

    /// Whether this is the name of nobody.
    pub fn is_nobody(&self) -> bool {
        self.0.is_none()
    }

    /// The part before the `@`.
    pub fn id(&self) -> &str {
        self.0.as_ref().map_or("", |inner| &inner.id)
    }

    /// The part before the `@`, shared.
    pub(crate) fn shared_id(&self) -> Arc<str> {
        self.0.as_ref().map_or_else(|| Arc::from(""), |inner| inner.id.clone())
    }

    /// The part after the `@`: where the node of the process listens.
    pub fn address(&self) -> SocketAddr {
        self.0.as_ref().map_or(NOWHERE, |inner| inner.address)
    }

    /// The process itself, when this name came from its spawn.
    pub(crate) fn cell(&self) -> Option<&Arc<Cell>> {
        self.0.as_ref().and_then(|inner| inner.cell.as_ref())
    }
}

impl PartialEq for Upid {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b) || (a.address == b.address && a.id == b.id),
            _ => false,
        }
    }
}

impl Eq for Upid {}

impl PartialOrd for Upid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Upid {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.id(), self.address()).cmp(&(other.id(), other.address()))
    }
}

impl Hash for Upid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
        self.address().hash(state);
    }
}

impl fmt::Display for Upid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_nobody() {
            return Ok(());
        }
        write!(f, "{}@{}", self.id(), self.address())
    }
}

impl fmt::Debug for Upid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_nobody() { f.write_str("nobody") } else { fmt::Display::fmt(self, f) }
    }
}

/// Why a text is not a [`Upid`].
#[derive(Debug, Error, PartialEq, Eq)]
pub enum UpidError {
    /// There is no `@` between id and address.
    #[error("`{0}` is not a process address: expected `id@ip:port`")]
    NoAddress(String),
    /// What follows the `@` is not `ip:port`.
    #[error("`{1}` in process address `{0}` is not an `ip:port`")]
    BadAddress(String, String),
}

impl FromStr for Upid {
    type Err = UpidError;

    /// Parses `id@ip:port`; the empty text is nobody. The last `@` separates, so that ids may hold
    /// one.
    fn from_str(text: &str) -> Result<Self, UpidError> {
        if text.is_empty() {
            return Ok(Self::nobody());
        }
        let (id, address) =
            text.rsplit_once('@').ok_or_else(|| UpidError::NoAddress(text.to_owned()))?;
        let address = address
            .parse()
            .map_err(|_| UpidError::BadAddress(text.to_owned(), address.to_owned()))?;
        Ok(Self::new(id, address))
    }
}

impl Serialize for Upid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Upid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Upid;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a process address `id@ip:port`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Upid, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// The name of a process of this program whose state has type `P`: what a spawn returns.
///
/// It is the only way to [`dispatch`](crate::Node::dispatch), and dereferences to its [`Upid`].
pub struct Pid<P> {
    upid: Upid,
    /// `fn() -> P` keeps a `Pid` sendable and shareable whatever `P` is: it holds no `P`.
    process: PhantomData<fn() -> P>,
}

impl<P> Pid<P> {
    pub(crate) fn new(upid: Upid) -> Self {
        Self { upid, process: PhantomData }
    }

    /// The name without the type.
    pub fn upid(&self) -> &Upid {
        &self.upid
    }
}

impl<P> Clone for Pid<P> {
    fn clone(&self) -> Self {
        Self::new(self.upid.clone())
    }
}

impl<P> Deref for Pid<P> {
    type Target = Upid;
    fn deref(&self) -> &Upid {
        &self.upid
    }
}

impl<P> From<Pid<P>> for Upid {
    fn from(pid: Pid<P>) -> Self {
        pid.upid
    }
}

impl<P> fmt::Display for Pid<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.upid, f)
    }
}

impl<P> fmt::Debug for Pid<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.upid, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in ["slave(1)@10.0.0.1:5051", "@127.0.0.1:5050", "a@b@[::1]:80", ""] {
            let upid: Upid = text.parse().unwrap();
            assert_eq!(upid.to_string(), text);
            let json = serde_json::to_string(&upid).unwrap();
            assert_eq!(serde_json::from_str::<Upid>(&json).unwrap(), upid);
        }
    }

    #[test]
    fn bad_text_is_named() {
        assert_eq!("master".parse::<Upid>(), Err(UpidError::NoAddress("master".into())));
        let error = "master@host:1".parse::<Upid>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`host:1` in process address `master@host:1` is not an `ip:port`"
        );
    }

    #[test]
    fn equality_order_and_hash_follow_the_text() {
        use std::collections::{BTreeSet, HashSet};
        let a: Upid = "a@127.0.0.1:1".parse().unwrap();
        let again: Upid = "a@127.0.0.1:1".parse().unwrap();
        let b: Upid = "b@127.0.0.1:1".parse().unwrap();
        assert_eq!(a, again);
        assert!(a < b && Upid::nobody() < a);
        assert_eq!(HashSet::from([a.clone(), again.clone(), b.clone()]).len(), 2);
        assert_eq!(BTreeSet::from([a, again, b]).len(), 2);
    }
}
