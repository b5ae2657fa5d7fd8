//! One request for the document of a feed: from a server, a file, or a program that prints it.

use std::time::Instant;

use crate::deliver::command::{self, CommandError};
use crate::domain::poll::{Failure, Reply, ReplyHeaders};
use crate::domain::request::CommandSpec;
use crate::domain::scrub::Sent;
use crate::fetch::{self, FetchRequest, Fetcher};
use crate::polling::reply::NoReply;

/// Requests the document. The failure has a text for the user, without secrets.
pub(super) async fn obtain(fetcher: &Fetcher, request: FetchRequest<'_>) -> Result<Reply, NoReply> {
    if let Some(command) = &request.spec.command {
        return printed(command, request).await;
    }
    let spec = request.spec;
    fetcher.fetch(request).await.map_err(|error| {
        let detail = Sent::for_feed(spec).removed_from(&fetch::advice(&error));
        NoReply { failure: Failure::from(&error), detail }
    })
}

/// What the program prints, as a reply without validators.
async fn printed(command: &CommandSpec, request: FetchRequest<'_>) -> Result<Reply, NoReply> {
    let started = Instant::now();
    let body = command::output(command, request.max_body).await.map_err(|error| {
        let failure = match &error {
            CommandError::Start { source, .. } if fetch::is_exhausted(source) => Failure::Resources,
            CommandError::TooLong { .. } => Failure::Timeout,
            CommandError::TooLarge { .. } => Failure::TooLarge,
            CommandError::Start { .. }
            | CommandError::Wait { .. }
            | CommandError::Failed { .. } => Failure::File,
        };
        NoReply { failure, detail: command::in_words(&error) }
    })?;
    Ok(Reply {
        status: 200,
        url: request.url.as_url().clone(),
        hidden_origin: None,
        hops: Vec::new(),
        headers: ReplyHeaders::default(),
        body,
        cut: false,
        elapsed: started.elapsed(),
    })
}
