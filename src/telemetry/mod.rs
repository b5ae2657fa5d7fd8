//! Logs and metrics. Each log event is one line, written to the writer that the caller provides: standard error, or
//! one that moves a progress bar out of the way first.
//!
//! [`events`] defines the events; this module defines the form of their lines.

use std::fmt;
use std::str::FromStr;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::{Compact, Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

pub mod events;
pub mod metrics;
mod states;

/// `--log-format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text. JSON is never chosen automatically, so that `2> file` stays readable. Under journald the lines have no
    /// time, because journald records it, and each line starts with its priority.
    #[default]
    Auto,
    /// Text with the time, also under journald.
    Text,
    /// One JSON object for each line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("`{}` is none of auto, text, json", other.escape_debug())),
        }
    }
}

/// The settings of the log. The default is text without colour, at level `info` and above.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogSettings<'a> {
    pub format: LogFormat,
    /// -2 shows errors, -1 also warnings, 0 also changes, 1 also polls without news, 2 each step. Libraries are logged
    /// two levels lower.
    pub verbosity: i8,
    /// Whether text may contain colour. The caller checks for a terminal and `NO_COLOR`.
    pub color: bool,
    /// Whether standard error is a journald stream (`JOURNAL_STREAM`, systemd.exec(5)).
    pub under_journald: bool,
    /// Directives that replace `verbosity`, such as `gazetted=debug,hyper=info`.
    pub env_filter: Option<&'a str>,
}

/// The reason why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("`{text}` is no log filter; write it like `gazetted=debug,hyper=info`")]
    Filter {
        text: String,
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    #[error("the log was set up before")]
    Again(#[source] tracing_subscriber::util::TryInitError),
}

/// Sets up the log of the whole process. `writer` makes the writer for a line; each line is one write.
///
/// # Errors
/// When the filter is invalid, or when the log was set up before.
pub fn init<W>(settings: &LogSettings<'_>, writer: W) -> Result<(), LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    subscriber(settings, writer)?.try_init().map_err(LogError::Again)
}

/// Installs a panic hook that reports each panic as an event, in the log's format.
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| events::panicked(&panic)));
}

fn subscriber<W>(
    settings: &LogSettings<'_>,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + use<W>, LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(settings.color);
    let layer = match settings.format {
        LogFormat::Json => {
            layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
        LogFormat::Auto if settings.under_journald => {
            layer.event_format(Journald(text().without_time())).with_ansi(false).boxed()
        }
        LogFormat::Auto | LogFormat::Text => layer.event_format(text()).boxed(),
    };
    Ok(tracing_subscriber::registry().with(layer.with_filter(filter(settings)?)))
}

fn text() -> Format<Compact> {
    Format::default().compact().with_target(false)
}

fn filter(settings: &LogSettings<'_>) -> Result<EnvFilter, LogError> {
    let text = settings.env_filter.unwrap_or(match settings.verbosity {
        ..=-2 => "error",
        -1 => "warn",
        0 => "warn,gazetted=info",
        1 => "warn,gazetted=debug",
        2 => "info,gazetted=trace",
        3.. => "debug,gazetted=trace",
    });
    EnvFilter::builder()
        .parse(text)
        .map_err(|source| LogError::Filter { text: text.escape_debug().to_string(), source })
}

/// Text with the priority (`<4>` for a warning) before each line, as sd-daemon(3) defines it, so that
/// `journalctl -p warning` finds warnings.
struct Journald<F>(F);

impl<S, N, F> FormatEvent<S, N> for Journald<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        write!(writer, "<{priority}>")?;
        self.0.format_event(context, writer, event)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::{debug, info, trace, warn};

    use super::*;

    #[derive(Clone, Default)]
    pub(super) struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The text that `log` writes under `settings`.
    pub(super) fn logged(settings: &LogSettings<'_>, log: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = subscriber(settings, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = captured.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn verbosity_chooses_the_levels() {
        let speak = || {
            warn!("warned");
            info!("informed");
            debug!("debugged");
            trace!("traced");
            info!(target: "hyper", "library");
        };
        for (verbosity, env_filter, expected) in [
            (-1, None, "warned"),
            (0, None, "warned informed"),
            (1, None, "warned informed debugged"),
            (2, None, "warned informed debugged traced library"),
            (2, Some("hyper=info"), "library"),
        ] {
            let settings = LogSettings { verbosity, env_filter, ..LogSettings::default() };
            let text = logged(&settings, speak);
            let words: Vec<_> =
                text.lines().filter_map(|line| line.split_whitespace().next_back()).collect();
            assert_eq!(words.join(" "), expected, "{verbosity} {env_filter:?}");
        }
    }

    #[test]
    fn journald_gets_priorities_and_no_time() {
        let settings = LogSettings { under_journald: true, color: true, ..LogSettings::default() };
        let text = logged(&settings, || {
            warn!(bytes = 3, "something is odd");
            info!("all is well");
        });
        assert_eq!(text, "<4> WARN something is odd bytes=3\n<6> INFO all is well\n");
    }

    #[test]
    fn a_text_line_begins_with_the_time_in_utc() {
        for under_journald in [false, true] {
            let format = LogFormat::Text;
            let settings = LogSettings { format, under_journald, ..LogSettings::default() };
            let text = logged(&settings, || info!("done"));
            let time = text.split_whitespace().next().unwrap();
            assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{text}");
            assert!(time.ends_with('Z'), "{text}");
        }
    }

    #[test]
    fn json_is_one_flat_object_a_line() {
        let settings = LogSettings { format: LogFormat::Json, ..LogSettings::default() };
        let text = logged(&settings, || info!(feed.id = 7, "polled"));
        assert_eq!(text.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["level"], "INFO");
        assert_eq!(value["message"], "polled");
        assert_eq!(value["feed.id"], 7);
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        let settings = LogSettings { env_filter: Some("gazetted=loud"), ..LogSettings::default() };
        let error = init(&settings, io::sink).unwrap_err();
        assert!(error.to_string().contains("`gazetted=loud`"), "{error}");
    }
}
