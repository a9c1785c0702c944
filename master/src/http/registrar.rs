//! The process `registrar(1)`, for whoever asks what the registry holds (row OI-10). It lives as
//! long as its master.

use libprocess::http::Help;
use libprocess::{Context, LinkMode, Pid, Process, Upid};

use super::readers::What;
use crate::process::MasterProcess;

/// The process `registrar(1)`: the master answers for it.
pub(crate) struct RegistrarProcess {
    pub master: Pid<MasterProcess>,
}

impl Process for RegistrarProcess {
    fn initialize(&mut self, context: &mut Context<Self>) {
        context.link(self.master.upid(), LinkMode::Reuse);
        let help = Help::new("Returns the current contents of the Registry in JSON.")
            .description("Returns 503 if the master has not finished recovery.")
            .authentication(true);
        let realm = super::Realm::ReadOnly.name();
        context.route_authenticated("/registry", realm, help, |process, context, _, reply| {
            context.dispatch(&process.master, |master, context| {
                master.read(context, What::Registry, reply);
            });
        });
    }

    fn exited(&mut self, context: &mut Context<Self>, _: &Upid) {
        context.terminate();
    }
}
