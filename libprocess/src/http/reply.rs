//! The way back for an answer: made with the request, used once, from any thread.
//!
//! ```text
//!   Reply::send ----------> answered
//!   Reply dropped --------> answered with 500
//!   receiver dropped -----> closed: callbacks run, a later send goes nowhere
//! ```

use super::{ClosedSignal, Response};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// The right to answer one request.
#[derive(Debug)]
pub struct Reply {
    /// Taken by `send`; what is left when `Reply` is dropped answers 500.
    sender: Option<oneshot::Sender<Response>>,
    closed: ClosedSignal,
}

/// Where the answer arrives.
#[derive(Debug)]
pub struct ReplyReceiver {
    receiver: oneshot::Receiver<Response>,
    closed: ClosedSignal,
    answered: bool,
}

impl Reply {
    /// A reply and the place where its answer arrives.
    pub fn channel() -> (Self, ReplyReceiver) {
        Self::with_signal(ClosedSignal::new())
    }

    /// As [`Reply::channel`], with a signal that something else may fire too, such as the
    /// connection on which the request came.
    pub fn with_signal(closed: ClosedSignal) -> (Self, ReplyReceiver) {
        let (sender, receiver) = oneshot::channel();
        let reply = Self { sender: Some(sender), closed: closed.clone() };
        (reply, ReplyReceiver { receiver, closed, answered: false })
    }

    /// Answers. Returns at once; an answer for a client that has gone is dropped.
    pub fn send(mut self, response: Response) {
        if let Some(sender) = self.sender.take() {
            // A failure only says that nobody waits any more.
            let _ = sender.send(response);
        }
    }

    /// Whether the client has gone, so that an answer would reach nobody.
    pub fn is_closed(&self) -> bool {
        self.closed.is_closed()
    }

    /// Calls `callback` once if the client goes away before it is answered (LP-17).
    pub fn on_closed(&self, callback: impl FnOnce() + Send + 'static) {
        self.closed.on_closed(callback);
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            let _ = sender.send(Response::internal_server_error("500 Internal Server Error."));
        }
    }
}

impl Future for ReplyReceiver {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        match Pin::new(&mut self.receiver).poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(answer) => {
                self.answered = true;
                // `Reply` always answers when dropped, so an error cannot happen unless it was
                // leaked; the client is told the same in both cases.
                Poll::Ready(answer.unwrap_or_else(|_| {
                    Response::internal_server_error("500 Internal Server Error.")
                }))
            }
        }
    }
}

impl Drop for ReplyReceiver {
    fn drop(&mut self) {
        if self.answered {
            self.closed.forget();
        } else {
            self.closed.fire();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::StatusCode;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn an_answer_crosses_threads() {
        let (reply, receiver) = Reply::channel();
        let thread = std::thread::spawn(move || reply.send(Response::accepted()));
        assert_eq!(block_on(receiver).status, StatusCode::ACCEPTED);
        thread.join().unwrap();
    }

    #[test]
    fn a_dropped_reply_answers_500() {
        let (reply, receiver) = Reply::channel();
        drop(reply);
        assert_eq!(block_on(receiver).status, StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn the_owner_learns_that_the_client_went() {
        let gone = Arc::new(AtomicUsize::new(0));
        let seen = gone.clone();
        let (reply, receiver) = Reply::channel();
        reply.on_closed(move || {
            seen.fetch_add(1, Ordering::SeqCst);
        });
        assert!(!reply.is_closed());
        drop(receiver);
        assert!(reply.is_closed());
        assert_eq!(gone.load(Ordering::SeqCst), 1);
        reply.send(Response::ok());
    }

    #[test]
    fn an_answered_client_is_not_reported_gone() {
        let gone = Arc::new(AtomicUsize::new(0));
        let seen = gone.clone();
        let (reply, receiver) = Reply::channel();
        reply.on_closed(move || {
            seen.fetch_add(1, Ordering::SeqCst);
        });
        reply.send(Response::ok());
        block_on(receiver);
        assert_eq!(gone.load(Ordering::SeqCst), 0);
    }
}
