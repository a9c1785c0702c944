//! `/files` (row OI-09) and the calls of the operator API that do the same. A master has no
//! sandboxes; that its log can be read here is not built yet, so that no path is found.

use libprocess::http::{Help, Reply, Request, Response, StatusCode};
use libprocess::{Context, LinkMode, Process, Upid};

/// The process `files`. It lives as long as its master.
pub(crate) struct FilesProcess {
    pub master: Upid,
}

impl Process for FilesProcess {
    fn initialize(&mut self, context: &mut Context<Self>) {
        context.link(&self.master, LinkMode::Reuse);
        let endpoints = [
            ("/browse", "Returns a file listing for a directory."),
            ("/read", "Reads data from a file."),
            ("/download", "Returns the raw file contents for a given path."),
        ];
        for (path, tldr) in endpoints {
            context.route(path, Help::new(tldr).authentication(true), |_, _, request, reply| {
                find(&request, reply);
            });
        }
        let help = Help::new("Returns the internal virtual path mapping.").authentication(true);
        context.route("/debug", help, |_, _, _, reply| reply.send(Response::ok_json("{}")));
    }

    fn exited(&mut self, context: &mut Context<Self>, _: &Upid) {
        context.terminate();
    }
}

fn find(request: &Request, reply: Reply) {
    reply.send(match request.query("path") {
        None | Some("") => Response::bad_request("Expecting 'path=value' in query.\n"),
        Some(_) => not_found(),
    });
}

/// The answer for a path that stands for nothing.
pub(super) fn not_found() -> Response {
    Response::text(StatusCode::NOT_FOUND, "")
}
