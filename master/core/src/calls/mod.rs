//! What schedulers ask for, once they are subscribed (rows SC-04 to SC-18).
//!
//! Reading order: here (who may ask), `offers` (offers out, and declined), `accept` (offers
//! accepted), `complete` (what may be left out), `launch` (tasks), `tasks` (kill, messages),
//! `reconcile` (what became of tasks and operations).

mod accept;
mod complete;
mod launch;
mod offers;
mod reconcile;
mod tasks;

pub(crate) use offers::filtered_for;

use mesos::ids::FrameworkId;
use mesos::v1::scheduler::{Call, CallType};

use crate::context::Context;
use crate::effect::Response;
use crate::event::RequestId;
use crate::master::Master;
use crate::validation;

impl Master {
    /// A scheduler sends anything but SUBSCRIBE.
    pub(crate) fn framework_call(
        &mut self,
        cx: &mut Context<'_>,
        request: RequestId,
        stream_id: Option<&str>,
        principal: Option<&str>,
        call: Call,
    ) {
        if let Err(why) = validation::scheduler::validate(&call, principal) {
            cx.count_invalid(&call);
            let words = format!("Failed to validate scheduler::Call: {why}");
            return cx.respond(request, Response::bad_request(words));
        }
        if let (Some(id), Some(kind)) = (&call.framework_id, call.r#type) {
            self.state.count(id, |counts| counts.called(kind));
        }
        let (id, kind) = match self.admit_call(stream_id, principal, &call) {
            Ok(known) => known,
            Err(refusal) => return cx.respond(request, refusal),
        };
        if kind == CallType::UpdateFramework {
            if let Some(body) = call.update_framework {
                self.update_framework(cx, request, &id, body);
            }
            return;
        }
        if kind == CallType::Unknown {
            return cx.respond(request, Response::not_implemented("Unknown call"));
        }
        cx.respond(request, Response::accepted());
        self.perform(cx, &id, kind, call);
    }

    /// Checks that the caller of a valid call is the scheduler that is subscribed.
    fn admit_call(
        &self,
        stream_id: Option<&str>,
        principal: Option<&str>,
        call: &Call,
    ) -> Result<(FrameworkId, CallType), Response> {
        let (Some(id), Some(kind)) = (&call.framework_id, call.r#type) else {
            return Err(Response::bad_request("Framework cannot be found"));
        };
        let Some(framework) = self.state.frameworks.get(id) else {
            return Err(Response::bad_request("Framework cannot be found"));
        };
        let known = framework.info.principal.as_deref();
        validation::scheduler::validate_caller(principal, known)
            .map_err(|why| Response::bad_request(why.to_string()))?;
        let Some(stream) = &framework.stream else {
            return Err(Response::forbidden("Framework is not subscribed"));
        };
        let Some(stream_id) = stream_id else {
            return Err(Response::bad_request(
                "All non-subscribe calls should include the 'Mesos-Stream-Id' header",
            ));
        };
        if *stream_id != *stream.id {
            return Err(Response::bad_request(format!(
                "The stream ID '{stream_id}' included in this request didn't match the stream ID \
                 currently associated with framework ID {id}"
            )));
        }
        Ok((id.clone(), kind))
    }

    /// Does what a call asks for. Its body is there: it was checked.
    fn perform(&mut self, cx: &mut Context<'_>, id: &FrameworkId, kind: CallType, call: Call) {
        match kind {
            CallType::Teardown => {
                cx.count("master/messages_unregister_framework");
                self.remove_framework(cx, id);
            }
            CallType::Accept => {
                if let Some(body) = call.accept {
                    self.accept(cx, id, body);
                }
            }
            CallType::Decline => {
                if let Some(body) = call.decline {
                    self.decline(cx, id, &body);
                }
            }
            CallType::Revive => {
                self.revive(cx, id, call.revive.map(|body| body.roles).unwrap_or_default());
            }
            CallType::Suppress => {
                self.suppress(cx, id, call.suppress.map(|body| body.roles).unwrap_or_default());
            }
            CallType::Kill => {
                if let Some(body) = call.kill {
                    self.kill(cx, id, body);
                }
            }
            CallType::Shutdown => {
                if let Some(body) = call.shutdown {
                    self.shutdown_executor(cx, id, body);
                }
            }
            CallType::Acknowledge => {
                if let Some(body) = call.acknowledge {
                    self.acknowledge(cx, id, body);
                }
            }
            CallType::Reconcile => {
                if let Some(body) = call.reconcile {
                    self.reconcile(cx, id, body);
                }
            }
            CallType::ReconcileOperations => {
                if let Some(body) = call.reconcile_operations {
                    self.reconcile_operations(cx, id, body);
                }
            }
            CallType::Message => {
                if let Some(body) = call.message {
                    self.framework_to_executor(cx, id, body);
                }
            }
            CallType::AcknowledgeOperationStatus => {
                cx.count("master/messages_operation_status_update_acknowledgement");
                cx.count("master/invalid_operation_status_update_acknowledgements");
            }
            // The allocator hears of it and does nothing, as Mesos's own (row AL-12).
            CallType::Request => cx.count("master/messages_resource_request"),
            CallType::AcceptInverseOffers | CallType::DeclineInverseOffers => {
                self.answer_inverse_offers(cx, id, kind, &call);
            }
            CallType::Unknown | CallType::Subscribe | CallType::UpdateFramework => {}
        }
    }
}
