//! Who is asking: principals, authenticators, and the realms that tie them to routes.
//!
//! A route names a realm. While no authenticator is set for that realm, anybody may use the route
//! and its requests carry no principal (LP-21). Checking passwords or tokens is the business of
//! whoever implements [`Authenticator`]; this file only defines the seam.

use super::{Request, Response};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

/// An authenticated identity: a name, claims about it, or both (LP-22).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// The name, when the authenticator knows one.
    pub value: Option<String>,
    /// What a token claims about its bearer.
    pub claims: BTreeMap<String, String>,
}

impl Principal {
    /// A principal that is only a name.
    pub fn named(value: impl Into<String>) -> Self {
        Self { value: Some(value.into()), claims: BTreeMap::new() }
    }
}

/// What an authenticator found.
#[derive(Debug)]
pub enum Authentication {
    /// The credentials are good.
    Principal(Principal),
    /// There are no credentials, or bad ones: answer 401, with the challenges to be offered in
    /// `WWW-Authenticate`.
    Unauthorized {
        /// One challenge per scheme, for example `Basic realm="mesos-master-readonly"`.
        challenges: Vec<String>,
        /// The body of the answer.
        message: String,
    },
    /// The credentials are good but may not be used here: answer 403 with this text.
    Forbidden(String),
}

impl Authentication {
    /// The answer for a request that did not pass; the principal for one that did.
    pub fn into_result(self) -> Result<Principal, Box<Response>> {
        match self {
            Self::Principal(principal) => Ok(principal),
            Self::Unauthorized { challenges, message } => {
                Err(Box::new(Response::unauthorized(&challenges, message)))
            }
            Self::Forbidden(message) => Err(Box::new(Response::forbidden(message))),
        }
    }
}

/// The future of an [`Authenticator`].
pub type AuthenticationFuture<'a> = Pin<Box<dyn Future<Output = Authentication> + Send + 'a>>;

/// Finds out who sent a request.
pub trait Authenticator: Send + Sync + 'static {
    /// Looks at the headers of `request` (its body may not have arrived) and decides.
    fn authenticate<'a>(&'a self, request: &'a Request) -> AuthenticationFuture<'a>;
}

/// The authenticator of each realm, shared by everything that serves one node.
#[derive(Clone, Default)]
pub struct Realms {
    inner: Arc<RwLock<BTreeMap<String, Arc<dyn Authenticator>>>>,
}

impl Realms {
    /// Realms that are all open.
    pub fn new() -> Self {
        Self::default()
    }

    /// Closes `realm`: from now on `authenticator` decides. Returns the one that it replaces.
    pub fn set(
        &self,
        realm: &str,
        authenticator: Arc<dyn Authenticator>,
    ) -> Option<Arc<dyn Authenticator>> {
        let mut realms = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        realms.insert(realm.to_owned(), authenticator)
    }

    /// Opens `realm` again.
    pub fn unset(&self, realm: &str) -> Option<Arc<dyn Authenticator>> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner).remove(realm)
    }

    /// The authenticator of `realm`, if it is closed.
    pub fn get(&self, realm: &str) -> Option<Arc<dyn Authenticator>> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).get(realm).cloned()
    }
}

impl fmt::Debug for Realms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let realms = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(realms.keys()).finish()
    }
}
