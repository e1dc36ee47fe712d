//! Log lines: JSON on stdout, one line an event, its fields at the top, never longer than [`LINE_LIMIT`].

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};
use tracing::{Event, Level, Metadata, Subscriber, error, warn};
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// The most bytes of a log line.
pub const LINE_LIMIT: usize = 8 * 1024;
/// The most bytes of one text in a line that was too long.
const FIELD_LIMIT: usize = 512;
/// Target whose lines are written at any level: the acts of persons.
pub const AUDIT: &str = "redrive::audit";
/// Targets that are quiet below WARN: their lines can hold whole requests and events, and so bodies.
const QUIET: [&str; 8] = ["aws_", "h2", "hyper", "lambda_runtime", "rustls", "tokio", "tower", "want"];
/// Targets that are never heard: RabbitMQ's client logs a whole message as a warning where the broker returns it. What went wrong the
/// adapter says.
const MUTE: [&str; 4] = ["amq_protocol", "async_rs", "lapin", "tcp_stream"];
/// Target by which Lambda's library logs a failed invocation: without its request id, which our own line has.
const TOLD_BY_US: &str = "lambda_runtime::layers::panic";

/// Starts logging, and logs where a panic happened instead of what it says: that may hold a message.
///
/// The level is `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG` (which may be given by module), else INFO.
pub fn init(lookup: impl Fn(&str) -> Option<String>) {
    let given = lookup("AWS_LAMBDA_LOG_LEVEL").or_else(|| lookup("RUST_LOG")).filter(|text| !text.trim().is_empty());
    let filter = filter(given.as_deref().unwrap_or("info"));
    let refused = filter.is_none();
    let level = || Targets::new().with_default(LevelFilter::INFO);
    let started = subscriber(filter.unwrap_or_else(level), std::io::stdout).try_init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(place, "panicked");
    }));
    if refused && started.is_ok() {
        warn!(given, "log level is not understood; INFO is used");
    }
}

/// Reads a level, or a list of modules with their levels. `None` if it is neither.
fn filter(given: &str) -> Option<Targets> {
    // Lambda's own word, which tracing does not know.
    let given = if given.eq_ignore_ascii_case("fatal") { "error" } else { given };
    // Targets take any single word for the name of a module.
    let plain = !given.contains(['=', ',', ':', '_']);
    if plain && LevelFilter::from_str(given).is_err() {
        return None;
    }
    let pieces: Vec<_> = given.split(',').map(str::trim).filter(|piece| !piece.is_empty()).collect();
    if pieces.is_empty() || pieces.iter().any(|piece| piece.starts_with('=')) {
        return None;
    }
    let chosen: Targets = pieces.join(",").parse().ok()?;
    Some(chosen.with_target(AUDIT, LevelFilter::INFO))
}

fn subscriber<W>(chosen: Targets, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let logged = filter_fn(move |metadata| {
        chosen.would_enable(metadata.target(), metadata.level()) && is_ours_or_dead_mark(metadata)
    });
    let format = Format::default().json().flatten_event(true).with_current_span(true).with_span_list(false);
    let lines = tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(Capped(format))
        .with_writer(writer)
        .with_filter(logged);
    tracing_subscriber::registry().with(lines)
}

fn is_ours_or_dead_mark(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let among = |prefixes: &[&str]| prefixes.iter().any(|prefix| target.starts_with(prefix));
    target != TOLD_BY_US && !among(&MUTE) && (!among(&QUIET) || *metadata.level() <= Level::WARN)
}

/// A format whose lines are never too long.
struct Capped(Format<Json>);

impl<S, N> FormatEvent<S, N> for Capped
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
    Format<Json>: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        if line.len() <= LINE_LIMIT { writer.write_str(&line) } else { writer.write_str(&fitted(&line)) }
    }
}

/// A line that was too long: its texts are cut; if that is not enough, only what it is and when remains.
fn fitted(line: &str) -> String {
    let mut fields: Map<String, Value> = serde_json::from_str(line).unwrap_or_default();
    let length = line.len();
    fields.values_mut().for_each(cut);
    fields.insert("cut_from_bytes".to_owned(), length.into());
    let short = line_of(&fields);
    if short.len() <= LINE_LIMIT {
        return short;
    }
    fields.retain(|name, _| matches!(name.as_str(), "timestamp" | "level" | "message" | "target" | "cut_from_bytes"));
    line_of(&fields)
}

fn line_of(fields: &Map<String, Value>) -> String {
    serde_json::to_string(fields).unwrap_or_default() + "\n"
}

fn cut(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > FIELD_LIMIT => {
            text.truncate(text.floor_char_boundary(FIELD_LIMIT));
            text.push('…');
        }
        Value::Array(items) => items.iter_mut().for_each(cut),
        Value::Object(fields) => fields.values_mut().for_each(cut),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::{info, info_span, trace};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that `work` logs at `level`.
    fn lines(level: &str, work: impl FnOnce()) -> Vec<Value> {
        let sink = Sink::default();
        let writer = sink.clone();
        tracing::subscriber::with_default(subscriber(filter(level).unwrap(), move || writer.clone()), work);
        let bytes = sink.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.lines().all(|line| line.len() < LINE_LIMIT), "a line is too long");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn an_event_is_one_line_with_its_fields_at_the_top_and_its_invocation_beside_them() {
        let seen = lines("info", || {
            let _inside = info_span!("invocation", request_id = "r-1").entered();
            info!(message_id = "m-1", attempt = 2, "message\nfailed");
        });
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0]["level"], "INFO");
        assert_eq!(seen[0]["message"], "message\nfailed");
        assert_eq!((&seen[0]["message_id"], &seen[0]["attempt"]), (&"m-1".into(), &2.into()));
        assert_eq!(seen[0]["span"]["request_id"], "r-1");
    }

    #[test]
    fn a_line_that_would_be_too_long_is_cut_and_stays_json() {
        let seen = lines("info", || {
            info!(error = "\"é".repeat(10_000), "failed");
            let many = "x".repeat(400);
            let many = many.as_str();
            info!(
                a = many,
                b = many,
                c = many,
                d = many,
                e = many,
                f = many,
                g = many,
                h = many,
                i = many,
                j = many,
                k = many,
                l = many,
                m = many,
                n = many,
                o = many,
                p = many,
                q = many,
                r = many,
                s = many,
                t = many,
                u = many,
                "many"
            );
        });
        assert_eq!(seen[0]["message"], "failed");
        assert!(seen[0]["error"].as_str().unwrap().ends_with('…') && seen[0]["cut_from_bytes"].is_u64());
        assert_eq!((&seen[1]["message"], &seen[1]["a"]), (&"many".into(), &Value::Null));
    }

    #[test]
    fn what_libraries_say_below_warn_is_never_logged_and_nothing_of_one_that_logs_messages() {
        let seen = lines("trace", || {
            trace!(target: "lambda_runtime::layers::api_response", body = "SECRET", "raw event");
            info!(target: "aws_smithy_runtime::client", "SECRET");
            error!(target: TOLD_BY_US, "told twice");
            warn!(target: "aws_config", "no region");
            error!(target: "lapin", message = "SECRET");
            trace!("ours");
        });
        let texts: Vec<_> = seen.iter().map(|line| line["message"].as_str().unwrap()).collect();
        assert_eq!(texts, ["no region", "ours"]);
    }

    #[test]
    fn levels_are_read_as_lambda_and_rust_write_them() {
        for good in
            ["info", "WARN", "FATAL", "debug,redrive_engine=trace", "redrive_engine=trace", "info,", "info, a=warn"]
        {
            assert!(filter(good).is_some(), "{good}");
        }
        for bad in ["loud", "redrive=loud", "=,=", ",", "=info"] {
            assert!(filter(bad).is_none(), "{bad}");
        }
        assert!(lines("error", || info!("quiet")).is_empty());
        let by_module = lines("warn,redrive_lambda=debug", || {
            tracing::debug!("of this module");
            tracing::debug!(target: "redrive_engine", "quiet");
            info!(target: AUDIT, "an act");
        });
        let texts: Vec<_> = by_module.iter().map(|line| line["message"].as_str().unwrap()).collect();
        assert_eq!(texts, ["of this module", "an act"]);
    }
}
