//! Place of a message in a trace, as W3C Trace Context and as X-Ray write it. What is in neither form is no trace: nothing is refused
//! because of it.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny};
use serde::{Deserialize, Serialize, Serializer};

/// Name of the message attribute in which a producer's trace stands, in W3C's form.
pub const ATTRIBUTE: &str = "traceparent";
/// Length of a `traceparent` of version 00; later versions begin with the same 55 characters.
const LENGTH: usize = 55;
/// Bit of the flags that says that the trace is recorded; the others are of later versions, or not for others to repeat.
const SAMPLED: u8 = 1;

/// Place in a trace: the trace, a span in it, and whether it is recorded. Neither id is zero.
///
/// ```
/// # mod redrive { pub use redrive_core::message::trace_context::TraceContext; }
/// use redrive::TraceContext;
///
/// let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
/// let trace = TraceContext::of_xray(header).unwrap();
/// assert_eq!(trace.to_string(), "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01");
/// assert_eq!(trace.xray_trace_id(), "1-5759e988-bd862e3fe1be46a994272793");
/// assert_eq!(trace.to_xray(), header);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    is_sampled: bool,
}

impl TraceContext {
    fn new(trace_id: u128, span_id: u64, is_sampled: bool) -> Option<Self> {
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, is_sampled })
    }

    /// Reads a `traceparent` of version 00, or the beginning of a later version's, as W3C Trace Context says. `None` if it is
    /// none: another length, capital letters, an id of zeros, version `ff`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (version, rest) = (text.get(..2)?, text.get(..LENGTH)?.get(2..)?);
        let ids = rest.strip_prefix('-')?;
        let (trace_id, ids) = ids.split_once('-')?;
        let (span_id, flags) = ids.split_once('-')?;
        let later = lower_hex(version, 2)? != 0;
        let is_whole =
            if later { matches!(text.as_bytes().get(LENGTH), None | Some(b'-')) } else { text.len() == LENGTH };
        let flags = lower_hex(flags, 2).filter(|_| is_whole && version != "ff")?;
        let span_id = u64::try_from(lower_hex(span_id, 16)?).ok()?;
        Self::new(lower_hex(trace_id, 32)?, span_id, flags & u128::from(SAMPLED) != 0)
    }

    /// Reads X-Ray's header: `Root` and `Parent` in any order, `Sampled=1` if the trace is recorded, anything else beside them.
    /// `None` without a root or a parent: a link needs both.
    #[must_use]
    pub fn of_xray(header: &str) -> Option<Self> {
        let member = |name| {
            let mut members = header.split(';').filter_map(|member| member.trim().split_once('='));
            members.find(|(found, _)| *found == name).map(|(_, value)| value)
        };
        let (epoch, unique) = member("Root")?.strip_prefix("1-")?.split_once('-')?;
        let trace_id = (hex_number(epoch, 8)? << 96) | hex_number(unique, 24)?;
        Self::new(trace_id, u64::try_from(hex_number(member("Parent")?, 16)?).ok()?, member("Sampled") == Some("1"))
    }

    /// Returns the id of the trace, as `TraceId::from_bytes` of the crate `opentelemetry` takes it.
    #[must_use]
    pub const fn trace_id(&self) -> [u8; 16] {
        self.trace_id.to_be_bytes()
    }

    /// Returns the id of the span, as `SpanId::from_bytes` of the crate `opentelemetry` takes it.
    #[must_use]
    pub const fn span_id(&self) -> [u8; 8] {
        self.span_id.to_be_bytes()
    }

    /// Returns W3C's flags: 1 if the trace is recorded, else 0.
    #[must_use]
    pub const fn flags(&self) -> u8 {
        if self.is_sampled { SAMPLED } else { 0 }
    }

    /// Returns the id of the trace as 32 hexadecimal digits, by which tools of OpenTelemetry find it.
    #[must_use]
    pub fn trace_id_text(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// Returns the id of the span as 16 hexadecimal digits.
    #[must_use]
    pub fn span_id_text(&self) -> String {
        format!("{:016x}", self.span_id)
    }

    /// Returns the id of the trace as the X-Ray console searches for it: `1-`, 8 digits, `-`, 24 digits.
    #[must_use]
    pub fn xray_trace_id(&self) -> String {
        let mut id = self.trace_id_text();
        id.insert(8, '-');
        id.insert_str(0, "1-");
        id
    }

    /// Returns the trace as X-Ray's header has it.
    #[must_use]
    pub fn to_xray(&self) -> String {
        format!("Root={};Parent={:016x};Sampled={}", self.xray_trace_id(), self.span_id, self.flags())
    }
}

/// A `traceparent` of version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags())
    }
}

impl Serialize for TraceContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads a member that may be a `traceparent`. Anything else there is no trace, and no error: whoever holds it keeps the rest.
///
/// # Errors
/// Only those of the format itself.
pub(crate) fn lenient<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<TraceContext>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Member {
        Text(String),
        Other(IgnoredAny),
    }
    Ok(match Member::deserialize(reader)? {
        Member::Text(text) => TraceContext::parse(&text),
        Member::Other(_) => None,
    })
}

/// A number of exactly so many hexadecimal digits, 32 at most.
fn hex_number(text: &str, digits: usize) -> Option<u128> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// The same without capital letters.
fn lower_hex(text: &str, digits: usize) -> Option<u128> {
    hex_number(text, digits).filter(|_| !text.bytes().any(|byte| byte.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_and_written_as_w3c_has_it() {
        let trace = TraceContext::parse(TRACE).unwrap();
        assert_eq!(trace.to_string(), TRACE);
        assert_eq!((trace.trace_id()[..2].to_vec(), trace.span_id()[1], trace.flags()), (vec![0x4b, 0xf9], 0xf0, 1));
        assert_eq!(trace.xray_trace_id(), "1-4bf92f35-77b34da6a3ce929d0e0e4736");
        let quiet = TraceContext::parse(&TRACE.replace("-01", "-00")).unwrap();
        assert_eq!((quiet.flags(), quiet.to_xray().ends_with(";Sampled=0")), (0, true));
    }

    #[test]
    fn a_later_version_is_read_by_its_beginning_and_only_the_flag_that_is_known_is_kept() {
        for later in [TRACE.replacen("00", "01", 1), TRACE.replacen("00", "cc", 1) + "-what-comes-later"] {
            assert_eq!(TraceContext::parse(&later).map(|trace| trace.to_string()).as_deref(), Some(TRACE), "{later}");
        }
        assert_eq!(TraceContext::parse(&TRACE.replace("-01", "-ff")).unwrap().to_string(), TRACE);
        assert_eq!(TraceContext::parse(&TRACE.replace("-01", "-fe")).unwrap().flags(), 0);
    }

    #[test]
    fn what_is_no_traceparent_is_no_trace_and_never_a_crash() {
        let zeros = "0".repeat(32);
        let bad = [
            String::new(),
            "00".to_owned(),
            TRACE[..54].to_owned(),
            format!("{TRACE}-more"),
            format!("{TRACE}0"),
            TRACE.replacen("00", "01", 1) + "0",
            TRACE.replacen("00", "ff", 1),
            TRACE.replacen("00", "0G", 1),
            TRACE.to_uppercase(),
            TRACE.replace("4bf9", "+bf9"),
            TRACE.replace("4bf92f3577b34da6a3ce929d0e0e4736", &zeros),
            TRACE.replace("00f067aa0ba902b7", &zeros[..16]),
            TRACE.replace('-', "_"),
            TRACE.replace("-00f", "0-0f"),
            TRACE.replace("4bf", "\u{e9}f"),
            "\u{1f69a}".repeat(20),
        ];
        for text in bad {
            assert_eq!(TraceContext::parse(&text), None, "{text}");
            assert_eq!(TraceContext::of_xray(&text), None, "{text}");
        }
    }

    #[test]
    fn x_rays_header_is_read_in_any_order_and_is_the_same_trace() {
        let (root, parent) = ("Root=1-4bf92f35-77b34da6a3ce929d0e0e4736", "Parent=00f067aa0ba902b7");
        let read = |header: String| TraceContext::of_xray(&header).map(|trace| trace.to_string());
        for header in [
            format!("{root};{parent};Sampled=1"),
            format!("Sampled=1; {parent}; Lineage=2:a87bd80c:1|68fd508a:5; {root};"),
            format!("Self=1-67891233-abcdef012345678912345678;{root};{parent};Sampled=1;=;x"),
        ] {
            assert_eq!(read(header.clone()).as_deref(), Some(TRACE), "{header}");
        }
        for undecided in ["", ";Sampled=0", ";Sampled=?"] {
            assert_eq!(read(format!("{root};{parent}{undecided}")), Some(TRACE.replace("-01", "-00")), "{undecided}");
        }
        for half in [
            root.to_owned(),
            parent.to_owned(),
            format!("{};{parent}", root.replace("=1-", "=2-")),
            format!("{};{parent}", root.replace("36", "3")),
            format!("{root};{}", parent.replace("b7", "bg")),
            format!("{root};Parent={}", "0".repeat(16)),
        ] {
            assert_eq!(read(half.clone()), None, "{half}");
        }
    }

    #[test]
    fn any_other_member_in_its_place_is_no_trace_and_spoils_nothing() {
        #[derive(Deserialize)]
        struct Holder {
            #[serde(default, deserialize_with = "lenient")]
            trace: Option<TraceContext>,
            rest: u8,
        }
        let read = |member: &str| {
            let holder: Holder = serde_json::from_str(&format!("{{{member}\"rest\":7}}")).unwrap();
            (holder.trace.map(|trace| trace.to_string()), holder.rest)
        };
        assert_eq!(read(&format!("\"trace\":\"{TRACE}\",")), (Some(TRACE.to_owned()), 7));
        for other in ["", "\"trace\":null,", "\"trace\":7,", "\"trace\":{\"a\":[1,{}]},", "\"trace\":\"x\","] {
            assert_eq!(read(other), (None, 7), "{other}");
        }
    }
}
