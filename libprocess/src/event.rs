//! What a process can have in its queue.

use crate::Upid;
use crate::http::{Reply, Request};
use crate::message::{AnyParcel, Frame};
use serde::Serialize;
use std::any::Any;

/// A closure on its way to a process. The argument is that process's `Running<P>`.
pub(crate) type Thunk = Box<dyn FnOnce(&mut dyn Any) + Send>;

/// One entry of a process's queue. Kept small (three words), since queues are copied around.
pub(crate) enum Event {
    /// The first event of every process.
    Initialize,
    /// A message from this node.
    Message(Box<dyn AnyParcel>),
    /// A message from another node.
    Frame(Box<Frame>),
    /// A closure: `dispatch`, `defer`, a timer, or the end of something awaited.
    Dispatch(Thunk),
    /// An HTTP request for one of the process's routes.
    Http(Box<(Request, Reply)>),
    /// A linked process, or the connection to it, is gone.
    Exited(Upid),
    /// The end.
    Terminate,
}

impl Event {
    /// Bytes that this event holds on behalf of another node: what back-pressure counts.
    pub fn remote_bytes(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.body.len() + FRAME_OVERHEAD,
            _ => 0,
        }
    }

    /// A description for `/__processes__`.
    pub fn summary(&self) -> EventSummary {
        let (kind, name, from) = match self {
            Self::Initialize => ("INITIALIZE", None, None),
            Self::Message(parcel) => {
                ("MESSAGE", Some(parcel.name().to_owned()), Some((**parcel).from().to_string()))
            }
            Self::Frame(frame) => {
                ("MESSAGE", Some(frame.name.to_string()), Some(frame.from.to_string()))
            }
            Self::Dispatch(_) => ("DISPATCH", None, None),
            Self::Http(both) => ("HTTP", Some(both.0.path.clone()), None),
            Self::Exited(upid) => ("EXITED", None, Some(upid.to_string())),
            Self::Terminate => ("TERMINATE", None, None),
        };
        EventSummary { kind, name, from }
    }
}

/// What a queued frame costs beside its body: its box and its place in the queue.
const FRAME_OVERHEAD: usize = 96;

/// One queued event as `/__processes__` shows it (LP-19).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventSummary {
    /// `MESSAGE`, `DISPATCH`, `HTTP`, `EXITED`, `INITIALIZE` or `TERMINATE`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The name of a message, or the path of a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The sender of a message, or who exited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// One process as `/__processes__` shows it (LP-19).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProcessSnapshot {
    /// The id of the process.
    pub id: String,
    /// What waits in its queue, the next first. Long queues are cut, see `queued`.
    pub events: Vec<EventSummary>,
    /// How many events wait in all.
    pub queued: usize,
}
