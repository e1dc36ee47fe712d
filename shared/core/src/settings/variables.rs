//! Variables of the functions' environment.

use serde::Serialize;

use super::{DLQ_RETENTION, LONGEST_VISIBILITY, MOST_RECEIVES, RedriveFunction, SettingUnit};
use RedriveFunction::{Indexer, Processor, Replay};

const ALL_THREE: &[RedriveFunction] = &[Processor, Indexer, Replay];
const LETTERS: &[RedriveFunction] = &[Indexer, Replay];

/// Variable that holds a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NumberSetting {
    /// Name of the variable.
    pub name: &'static str,
    /// Functions that read the variable.
    pub functions: &'static [RedriveFunction],
    /// Member of a pair in a list of queue pairs, by its path, that says the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<&'static str>,
    /// Unit of the number.
    pub unit: SettingUnit,
    /// Value of a variable that is not set; `None`: it must be set, or means nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<u64>,
    /// Least value that is taken.
    pub least: u64,
    /// Greatest value that is taken.
    pub most: u64,
    /// Explanation, where no parameter of a template has one.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub about: &'static str,
}

/// Variable that holds a word or another text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TextSetting {
    /// Name of the variable.
    pub name: &'static str,
    /// Functions that read the variable.
    pub functions: &'static [RedriveFunction],
    /// Member of a pair in a list of queue pairs, by its path, that says the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<&'static str>,
    /// Value of a variable that is not set; `None`: it must be set, or means nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<&'static str>,
    /// Words that it may hold; none: any text of its form.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub values: &'static [&'static str],
    /// Form of the text, in words.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub form: &'static str,
    /// Explanation, where no parameter of a template has one.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub about: &'static str,
}

/// Either kind of variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Setting {
    /// A whole number of a unit.
    Number(NumberSetting),
    /// A word or another text.
    Text(TextSetting),
}

impl Setting {
    /// Name of the variable.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Number(number) => number.name,
            Self::Text(text) => text.name,
        }
    }

    /// Functions that read the variable.
    #[must_use]
    pub const fn functions(&self) -> &'static [RedriveFunction] {
        match self {
            Self::Number(number) => number.functions,
            Self::Text(text) => text.functions,
        }
    }

    /// Path of the member of a queue pair that says the same.
    #[must_use]
    pub const fn member(&self) -> Option<&'static str> {
        match self {
            Self::Number(number) => number.member,
            Self::Text(text) => text.member,
        }
    }
}

impl NumberSetting {
    const fn new(
        name: &'static str,
        functions: &'static [RedriveFunction],
        unit: SettingUnit,
        least: u64,
        most: u64,
    ) -> Self {
        Self { name, functions, member: None, unit, default: None, least, most, about: "" }
    }

    const fn or(self, default: u64) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn member(self, member: &'static str) -> Self {
        Self { member: Some(member), ..self }
    }

    const fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    /// Returns true if a value is in the range.
    #[must_use]
    pub const fn takes(&self, value: u64) -> bool {
        self.least <= value && value <= self.most
    }
}

impl TextSetting {
    const fn text(name: &'static str, functions: &'static [RedriveFunction], form: &'static str) -> Self {
        Self { name, functions, member: None, default: None, values: &[], form, about: "" }
    }

    const fn one_of(
        name: &'static str,
        functions: &'static [RedriveFunction],
        values: &'static [&'static str],
    ) -> Self {
        Self { name, functions, member: None, default: None, values, form: "", about: "" }
    }

    const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn member(self, member: &'static str) -> Self {
        Self { member: Some(member), ..self }
    }

    const fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }
}

macro_rules! variables {
    (@Number) => { NumberSetting };
    (@Text) => { TextSetting };
    ($($(#[$doc:meta])* $name:ident: $kind:ident = $value:expr;)*) => {
        $($(#[$doc])* pub const $name: variables!(@$kind) = $value;)*

        /// Every variable, in the order of the page of settings.
        #[must_use]
        pub fn all() -> Vec<Setting> {
            vec![$(Setting::$kind($name)),*]
        }
    };
}

variables! {
    /// Address of the main queue.
    MAIN_QUEUE_URL: Text =
        TextSetting::text("MAIN_QUEUE_URL", &[Processor, Replay], "URL of an SQS queue")
            .member("source_url")
        .about("Main queue: the processor hides messages there, the replay sends letters back to it.");
    /// Main queue by its ARN.
    MAIN_QUEUE_ARN: Text = TextSetting::text("MAIN_QUEUE_ARN", ALL_THREE, "ARN of an SQS queue").member("source_arn")
        .about("The main queue's ARN. Letters are named after it.");
    /// Address of the dead-letter queue.
    DEAD_LETTER_QUEUE_URL: Text = TextSetting::text("DEAD_LETTER_QUEUE_URL", ALL_THREE, "URL of an SQS queue")
        .member("dead_letter_url")
        .about("Dead-letter queue. The processor needs it to send the dead there itself, the replay to eject letters.");
    /// List of queue pairs.
    QUEUE_PAIRS: Text =
        TextSetting::text("QUEUE_PAIRS", LETTERS, "JSON object {\"pairs\": [...]}, as infra/pairs.example.json");
    /// File with the list of queue pairs.
    QUEUE_PAIRS_FILE: Text = TextSetting::text("QUEUE_PAIRS_FILE", LETTERS, "Path of a file");
    /// Table of the ledger.
    LEDGER_TABLE_NAME: Text = TextSetting::text("LEDGER_TABLE_NAME", ALL_THREE, "Name or ARN of a DynamoDB table; none")
        .about("The ledger's table. none: the consumer keeps no ledger; the processor always needs one.");
    /// Table of the letters.
    DEAD_LETTER_TABLE_NAME: Text = TextSetting::text("DEAD_LETTER_TABLE_NAME", LETTERS, "Name of a DynamoDB table")
        .about("The table of letters.");
    /// Namespace of the ledger's keys.
    LEDGER_SCOPE: Text =
        TextSetting::text("LEDGER_SCOPE", ALL_THREE, "1 to 64 letters, digits, dots, dashes and underscores")
        .member("scope").or("main");
    /// Place of the idempotency key in the body.
    IDEMPOTENCY_KEY_POINTER: Text =
        TextSetting::text("IDEMPOTENCY_KEY_POINTER", ALL_THREE, "JSON pointer")
            .member("key_pointer");
    /// Choice whether the message attribute counts beside the pointer.
    IDEMPOTENCY_KEY_FROM: Text =
        TextSetting::one_of("IDEMPOTENCY_KEY_FROM", ALL_THREE, &["both", "pointer", "attribute"])
        .member("key_from").or("both");
    /// Treatment of bodies in which an object has a name twice.
    DUPLICATE_NAMES: Text = TextSetting::one_of("DUPLICATE_NAMES", ALL_THREE, &["refuse", "last"])
        .member("duplicate_names").or("refuse");
    /// Envelope around the body.
    BODY_WRAPPING: Text = TextSetting::one_of("BODY_WRAPPING", ALL_THREE, &["none", "sns", "eventbridge"])
        .member("body_wrapping").or("none");
    /// Parts of a body by which duplicates are known.
    PAYLOAD_HASH: Text =
        TextSetting::text("PAYLOAD_HASH", ALL_THREE, "canonical, off, or JSON pointers parted by commas")
        .member("payload_hash").or("canonical");
    /// Values that are masked out of error texts.
    ERROR_MASKS: Text =
        TextSetting::text("ERROR_MASKS", &[Processor, Indexer], "JSON pointers parted by commas")
            .member("error_masks");
    /// Place of a message's type.
    MESSAGE_TYPE_AT: Text =
        TextSetting::text("MESSAGE_TYPE_AT", ALL_THREE, "attribute:NAME, pointer:/PATH or detail-type")
        .member("message_type_at");
    /// Types of the queue's messages.
    MESSAGE_TYPES: Text =
        TextSetting::text("MESSAGE_TYPES", ALL_THREE, "Names parted by commas")
            .member("message_types");

    /// Delays between the attempts.
    RETRY_SCHEDULE: Text =
        TextSetting::text("RETRY_SCHEDULE", &[Processor], "steps, exponential, or delays such as 1s,30s,5m")
            .or("steps");
    /// Receives after which SQS moves a message.
    MAX_RECEIVE_COUNT: Number =
        NumberSetting::new("MAX_RECEIVE_COUNT", &[Processor], SettingUnit::Count, 1, MOST_RECEIVES);
    /// Way of a dead message to the dead-letter queue. Unset: direct on a FIFO queue, redrive on a standard one.
    ON_DEAD: Text = TextSetting::one_of("ON_DEAD", &[Processor], &["redrive", "direct"]);
    /// Visibility timeout of the main queue.
    QUEUE_VISIBILITY_TIMEOUT_SECONDS: Number =
        NumberSetting::new("QUEUE_VISIBILITY_TIMEOUT_SECONDS",
            &[Processor], SettingUnit::Seconds, 1, LONGEST_VISIBILITY);
    /// Time of one attempt.
    HANDLER_TIMEOUT_SECONDS: Number =
        NumberSetting::new("HANDLER_TIMEOUT_SECONDS", &[Processor], SettingUnit::Seconds, 1, 5_390)
            .or(20);
    /// Timeout of the function, which Lambda does not report before the first invocation. Managed Instances have up to
    /// 5,400 s.
    FUNCTION_TIMEOUT_SECONDS: Number =
        NumberSetting::new("FUNCTION_TIMEOUT_SECONDS", &[Processor], SettingUnit::Seconds, 1, 5_400);
    /// Messages of a batch that are handled at once.
    CONCURRENCY: Number = NumberSetting::new("CONCURRENCY", &[Processor], SettingUnit::Count, 1, 1_000).or(64);
    /// Answer to a batch that looks like an outage.
    OUTAGE_BRAKE: Text = TextSetting::one_of("OUTAGE_BRAKE", &[Processor], &["on", "quiet", "off"]).or("on");

    /// Choice whether the indexer empties the dead-letter queue.
    CUSTODY: Text = TextSetting::one_of("CUSTODY", LETTERS, &["on", "off"]).member("custody").or("on");
    /// Time before the schedule replays a letter.
    REPLAY_COOL_DOWN_SECONDS: Number =
        NumberSetting::new("REPLAY_COOL_DOWN_SECONDS", LETTERS, SettingUnit::Seconds, 1, 86_400)
        .member("policy/cool_down_seconds").or(300);
    /// Deaths after which a letter waits for a person.
    REPLAY_MAX_DEATHS: Number =
        NumberSetting::new("REPLAY_MAX_DEATHS", LETTERS, SettingUnit::Count, 1, 100)
            .member("policy/max_deaths").or(3);
    /// Rules before the default policy.
    REPLAY_POLICY: Text = TextSetting::text("REPLAY_POLICY", LETTERS, "JSON list of rules").member("policy/rules");
    /// Other queues that letters may be sent to.
    REPLAY_DESTINATIONS: Text =
        TextSetting::text("REPLAY_DESTINATIONS", &[Replay], "ARNs of SQS queues, parted by commas")
        .member("destinations");

    /// Days for which the main queue keeps a message.
    MAIN_RETENTION_DAYS: Number = NumberSetting::new("MAIN_RETENTION_DAYS", ALL_THREE, SettingUnit::Days, 1, 14)
        .member("main_retention_days").or(4);
    /// Days for which the dead-letter queue keeps a message, at most SQS's fourteen.
    DLQ_RETENTION_DAYS: Number =
        NumberSetting::new("DLQ_RETENTION_DAYS", &[Indexer], SettingUnit::Days, 1, DLQ_RETENTION)
        .member("dead_letter_retention_days").or(DLQ_RETENTION)
        .about("Retention of a dead-letter queue that was there before: the metric TimeToExpiry counts from it.");
    /// Days for which the ledger remembers a key.
    LEDGER_RETENTION_DAYS: Number =
        NumberSetting::new("LEDGER_RETENTION_DAYS", &[Processor, Replay], SettingUnit::Days, 1, 3_650)
            .or(30);
    /// Days for which an ended letter is kept.
    RESOLVED_RETENTION_DAYS: Number =
        NumberSetting::new("RESOLVED_RETENTION_DAYS", LETTERS, SettingUnit::Days, 1, 3_650)
        .member("resolved_retention_days").or(90);
    /// Days for which an ended letter's body is kept.
    BODY_RETENTION_DAYS: Text =
        TextSetting::text("BODY_RETENTION_DAYS", LETTERS, "letter, or a whole number of days from 1 to 3650")
        .member("body_retention_days").or("letter");

    /// Choice whether the replay reads the ages of the main queues.
    MAIN_QUEUE_AGES: Text = TextSetting::one_of("MAIN_QUEUE_AGES", &[Replay], &["on", "off"]).or("off")
        .about("on: the replay reads from CloudWatch, every five minutes, how old the oldest message of each main queue is. \
            The template sets it for a list of pairs.");

    /// Requests that this replay function carries out.
    ALLOWED_ACTIONS: Text = TextSetting::one_of("ALLOWED_ACTIONS", &[Replay], &["replay", "all"]).or("all")
        .about("Requests that the function carries out: all, or replay, which is all but erase, free, eject, and sends of an edit or a \
            patch. The templates give replay to ReplayFunction, and all to AdministrationFunction.");

    /// Idempotency table of Powertools that is honoured.
    POWERTOOLS_TABLE_NAME: Text =
        TextSetting::text("POWERTOOLS_TABLE_NAME", &[Processor], "Name of a DynamoDB table");
    /// Prefixes of Powertools' keys.
    POWERTOOLS_KEY_PREFIXES: Text =
        TextSetting::text("POWERTOOLS_KEY_PREFIXES", &[Processor], "1 to 8 prefixes parted by commas");
    /// Data that Powertools' keys are made of.
    POWERTOOLS_KEY: Text =
        TextSetting::text("POWERTOOLS_KEY", &[Processor], "message-id, body, or JSON pointers parted by commas");
    /// Bus for integration events.
    EVENT_BUS_ARN: Text = TextSetting::text("EVENT_BUS_ARN", LETTERS, "ARN of an EventBridge event bus");

    /// Least severity that is logged.
    RUST_LOG: Text =
        TextSetting::text("RUST_LOG", ALL_THREE, "error, warn, info, debug or trace; by module, too, as Rust has it")
            .or("info")
        .about("Least severity that is logged. Lambda's own AWS_LAMBDA_LOG_LEVEL comes first.");
    /// Table of the example handler.
    ORDERS_TABLE_NAME: Text = TextSetting::text("ORDERS_TABLE_NAME", &[Processor], "Name of a DynamoDB table")
        .about("The example handler's table.");
    /// Currencies of the example handler.
    SUPPORTED_CURRENCIES: Text =
        TextSetting::text("SUPPORTED_CURRENCIES", &[Processor], "ISO 4217 codes parted by commas")
            .or("EUR,USD,GBP");
}
