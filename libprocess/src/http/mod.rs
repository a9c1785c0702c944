//! HTTP as processes see it: requests in, replies out, and the server and client around them.
//!
//! Reading order: [`Request`] and [`Response`] (what a handler gets and gives), [`Reply`] (how an
//! answer travels back from any thread), [`MediaType`] (what bodies are written in), [`pipe`]
//! (answers that never end), [`Help`] (what `/help` prints), [`auth`] (who is asking).

pub mod assets;
pub mod auth;
pub mod client;
mod closed;
mod help;
pub mod media;
mod media_type;
pub mod pipe;
mod reply;
mod request;
mod response;
pub mod server;

pub use auth::{Authentication, Authenticator, Principal, Realms};
pub use closed::ClosedSignal;
pub use help::Help;
pub use hyper::{HeaderMap, Method, StatusCode, header};
pub use media_type::MediaType;
pub use pipe::{BodyReader, BodyWriter, PipeError, WriteError};
pub use reply::{Reply, ReplyReceiver};
pub use request::{Query, Request};
pub use response::{Body, FileBody, FileSource, Response};
