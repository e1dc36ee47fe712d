//! Parameters of the SAM templates, and the properties of the CDK's constructs that say the same.

use serde::Serialize;

use super::SettingUnit;

/// SAM template with parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum SamTemplate {
    /// Template that brings the queues along.
    #[serde(rename = "template.yaml")]
    Whole,
    /// SamTemplate for queues that are there.
    #[serde(rename = "attach.yaml")]
    Attached,
}

/// Values that a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterValues {
    /// Whole numbers of a range.
    Number {
        /// Unit of the number.
        unit: SettingUnit,
        /// Least value that is taken.
        least: u64,
        /// Greatest value that is taken.
        most: u64,
    },
    /// Some words, and no other.
    OneOf(&'static [&'static str]),
    /// Texts of one form.
    Text {
        /// Regular expression of the form.
        pattern: &'static str,
        /// Greatest number of characters, if the pattern does not say it.
        #[serde(skip_serializing_if = "Option::is_none")]
        longest: Option<u32>,
    },
}

/// Parameter of one template or of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TemplateParameter {
    /// Name of the parameter.
    pub name: &'static str,
    /// Templates that have it so.
    pub templates: &'static [SamTemplate],
    /// Variable of the functions that it sets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<&'static str>,
    /// Property of the CDK's constructs that says the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub property: Option<&'static str>,
    /// Default of the parameter; `None`: a value must be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<ParameterDefault>,
    /// Values that the parameter takes.
    pub allowed: ParameterValues,
}

/// Default of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ParameterDefault {
    /// A whole number of a unit.
    Number(u64),
    /// A text that is no number.
    Text(&'static str),
}

impl TemplateParameter {
    const fn new(name: &'static str, default: Option<ParameterDefault>, allowed: ParameterValues) -> Self {
        Self {
            name,
            templates: &[SamTemplate::Whole, SamTemplate::Attached],
            variable: None,
            property: None,
            default,
            allowed,
        }
    }

    const fn number(name: &'static str, unit: SettingUnit, default: u64, least: u64, most: u64) -> Self {
        Self::new(name, Some(ParameterDefault::Number(default)), ParameterValues::Number { unit, least, most })
    }

    const fn one_of(name: &'static str, default: &'static str, values: &'static [&'static str]) -> Self {
        Self::new(name, Some(ParameterDefault::Text(default)), ParameterValues::OneOf(values))
    }

    const fn text(name: &'static str, pattern: &'static str) -> Self {
        Self::new(name, None, ParameterValues::Text { pattern, longest: None })
    }

    const fn or(self, default: &'static str) -> Self {
        Self { default: Some(ParameterDefault::Text(default)), ..self }
    }

    const fn longest(self, longest: u32) -> Self {
        let allowed = match self.allowed {
            ParameterValues::Text { pattern, .. } => ParameterValues::Text { pattern, longest: Some(longest) },
            other => other,
        };
        Self { allowed, ..self }
    }

    const fn only(self, template: SamTemplate) -> Self {
        let templates: &[SamTemplate] = match template {
            SamTemplate::Whole => &[SamTemplate::Whole],
            SamTemplate::Attached => &[SamTemplate::Attached],
        };
        Self { templates, ..self }
    }

    const fn sets(self, variable: &'static str) -> Self {
        Self { variable: Some(variable), ..self }
    }

    const fn property(self, property: &'static str) -> Self {
        Self { property: Some(property), ..self }
    }
}

/// ARNs of at most five layer versions.
const LAYERS: &str = concat!(
    "^(arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:layer:[A-Za-z0-9_-]{1,140}:[0-9]{1,10}",
    "(,arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:layer:[A-Za-z0-9_-]{1,140}:[0-9]{1,10}){0,4})?$"
);

/// ARN of an event bus, or nothing.
const EVENT_BUS: &str = "^(arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9_./-]{1,256})?$";

/// Every parameter, in the order of the templates.
pub const PARAMETERS: &[TemplateParameter] = &[
    TemplateParameter::one_of("Architecture", "x86_64", &["x86_64", "arm64"]).property("architecture"),
    TemplateParameter::one_of("Encryption", "aws-owned", &["aws-owned", "customer-managed"]).property("encryption"),
    TemplateParameter::one_of("Tracing", "PassThrough", &["PassThrough", "Active"]).property("tracing"),
    TemplateParameter::text("Layers", LAYERS).or("").property("layerArns"),
    TemplateParameter::text("EventBusArn", EVENT_BUS).or("").sets("EVENT_BUS_ARN").property("eventBusArn"),
    TemplateParameter::text("ProducerArn", "^(arn:[a-z-]+:(sns|events):[a-z0-9-]+:[0-9]{12}:.{1,300})?$")
        .or("")
        .only(SamTemplate::Whole)
        .property("producerArn"),
    TemplateParameter::one_of("Example", "true", &["true", "false"]).only(SamTemplate::Whole).property("example"),
    TemplateParameter::text("SupportedCurrencies", "^[A-Z]{3}(,[A-Z]{3})*$")
        .or("EUR,USD,GBP")
        .only(SamTemplate::Whole)
        .sets("SUPPORTED_CURRENCIES")
        .property("currencies"),
    TemplateParameter::one_of("LogLevel", "info", &["error", "warn", "info", "debug", "trace"])
        .sets("RUST_LOG")
        .property("logLevel"),
    TemplateParameter::one_of("QueueType", "standard", &["standard", "fifo"])
        .only(SamTemplate::Whole)
        .property("queueType"),
    TemplateParameter::one_of("OnDead", "auto", &["auto", "redrive", "direct"])
        .only(SamTemplate::Whole)
        .sets("ON_DEAD")
        .property("onDead"),
    TemplateParameter::text("PayloadHash", "^(canonical|off|/[^,]{1,255}(,/[^,]{1,255}){0,19})$")
        .or("canonical")
        .only(SamTemplate::Whole)
        .sets("PAYLOAD_HASH")
        .property("payloadHash"),
    TemplateParameter::text("ErrorMasks", "^(/[^,]{1,255}(,/[^,]{1,255}){0,19})?$")
        .or("")
        .only(SamTemplate::Whole)
        .sets("ERROR_MASKS")
        .property("errorMasks"),
    TemplateParameter::text("MessageTypeAt", "^(attribute:.{1,256}|pointer:/.{1,255}|detail-type)?$")
        .or("")
        .only(SamTemplate::Whole)
        .sets("MESSAGE_TYPE_AT")
        .property("messageTypes.at"),
    TemplateParameter::text("MessageTypes", "^([^,]{1,256}(,[^,]{1,256}){0,63})?$")
        .or("")
        .only(SamTemplate::Whole)
        .sets("MESSAGE_TYPES")
        .property("messageTypes.names"),
    TemplateParameter::text("IdempotencyKeyPointer", "^(/.{1,255})?$")
        .or("/order_id")
        .only(SamTemplate::Whole)
        .sets("IDEMPOTENCY_KEY_POINTER")
        .property("idempotencyKey"),
    TemplateParameter::text("IdempotencyKeyPointer", "^(/.{1,255})?$")
        .or("")
        .only(SamTemplate::Attached)
        .sets("IDEMPOTENCY_KEY_POINTER"),
    TemplateParameter::one_of("IdempotencyKeyFrom", "both", &["both", "pointer", "attribute"])
        .sets("IDEMPOTENCY_KEY_FROM")
        .property("idempotencyKeyFrom"),
    TemplateParameter::one_of("DuplicateNames", "refuse", &["refuse", "last"])
        .sets("DUPLICATE_NAMES")
        .property("duplicateNames"),
    TemplateParameter::one_of("BodyWrapping", "none", &["none", "sns", "eventbridge"])
        .sets("BODY_WRAPPING")
        .property("bodyWrapping"),
    TemplateParameter::text("LedgerScope", "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
        .or("main")
        .only(SamTemplate::Whole)
        .sets("LEDGER_SCOPE")
        .property("ledgerScope"),
    TemplateParameter::text("PowertoolsTableName", "^([A-Za-z0-9_.-]{3,255})?$")
        .or("")
        .only(SamTemplate::Whole)
        .sets("POWERTOOLS_TABLE_NAME")
        .property("powertools.tableName"),
    TemplateParameter::text("PowertoolsKeyPrefixes", "^([^,]{1,255}(,[^,]{1,255}){0,7})?$")
        .or("")
        .only(SamTemplate::Whole)
        .sets("POWERTOOLS_KEY_PREFIXES")
        .property("powertools.keyPrefixes"),
    TemplateParameter::text("PowertoolsKey", "^(message-id|body|/[^,]{1,255}(,/[^,]{1,255}){0,7})?$")
        .or("")
        .only(SamTemplate::Whole)
        .sets("POWERTOOLS_KEY")
        .property("powertools.key"),
    TemplateParameter::text("RetrySchedule", "^(steps|exponential|[0-9]{1,5}[smh](,[0-9]{1,5}[smh]){0,19})$")
        .or("steps")
        .only(SamTemplate::Whole)
        .sets("RETRY_SCHEDULE")
        .property("retrySchedule"),
    TemplateParameter::number("MaxReceiveCount", SettingUnit::Count, 11, 2, 1000)
        .only(SamTemplate::Whole)
        .sets("MAX_RECEIVE_COUNT")
        .property("maxReceiveCount"),
    TemplateParameter::number("ProcessorTimeoutSeconds", SettingUnit::Seconds, 30, 2, 900)
        .only(SamTemplate::Whole)
        .sets("FUNCTION_TIMEOUT_SECONDS")
        .property("processorTimeout"),
    TemplateParameter::number("HandlerTimeoutSeconds", SettingUnit::Seconds, 20, 1, 890)
        .only(SamTemplate::Whole)
        .sets("HANDLER_TIMEOUT_SECONDS")
        .property("handlerTimeout"),
    TemplateParameter::number("QueueVisibilityTimeoutSeconds", SettingUnit::Seconds, 180, 12, 43200)
        .only(SamTemplate::Whole)
        .sets("QUEUE_VISIBILITY_TIMEOUT_SECONDS")
        .property("visibilityTimeout"),
    TemplateParameter::number("BatchSize", SettingUnit::Count, 10, 1, 10000)
        .only(SamTemplate::Whole)
        .property("batchSize"),
    TemplateParameter::number("BatchingWindowSeconds", SettingUnit::Seconds, 0, 0, 300)
        .only(SamTemplate::Whole)
        .property("batchingWindow"),
    TemplateParameter::number("MaximumConcurrency", SettingUnit::Count, 10, 2, 1000)
        .only(SamTemplate::Whole)
        .property("maximumConcurrency"),
    TemplateParameter::number("MinimumPollers", SettingUnit::Count, 0, 0, 200)
        .only(SamTemplate::Whole)
        .property("pollers.minimum"),
    TemplateParameter::number("MaximumPollers", SettingUnit::Count, 0, 0, 10000)
        .only(SamTemplate::Whole)
        .property("pollers.maximum"),
    TemplateParameter::number("Concurrency", SettingUnit::Count, 64, 1, 1000)
        .only(SamTemplate::Whole)
        .sets("CONCURRENCY")
        .property("concurrency"),
    TemplateParameter::one_of("OutageBrake", "on", &["on", "quiet", "off"])
        .only(SamTemplate::Whole)
        .sets("OUTAGE_BRAKE")
        .property("outageBrake"),
    TemplateParameter::one_of("Custody", "on", &["on", "off"])
        .only(SamTemplate::Whole)
        .sets("CUSTODY")
        .property("custody"),
    TemplateParameter::one_of("Custody", "off", &["on", "off"]).only(SamTemplate::Attached).sets("CUSTODY"),
    TemplateParameter::one_of("AllowEject", "false", &["true", "false"]).property("allowEject"),
    TemplateParameter::number("IndexerTimeoutSeconds", SettingUnit::Seconds, 60, 5, 900).property("indexerTimeout"),
    TemplateParameter::text("SweepRate", r"^rate\((1 minute|([2-9]|[1-5][0-9]|60) minutes|1 hour)\)$")
        .or("rate(1 minute)")
        .property("sweepRate"),
    TemplateParameter::number("ReplayTimeoutSeconds", SettingUnit::Seconds, 60, 5, 900).property("replayTimeout"),
    TemplateParameter::text("ReplayRate", r"^rate\((1 minute|([2-9]|[1-5][0-9]|60) minutes|1 hour)\)$")
        .or("rate(1 minute)")
        .property("replayRate"),
    TemplateParameter::number("ReplayCoolDownSeconds", SettingUnit::Seconds, 300, 1, 86400)
        .sets("REPLAY_COOL_DOWN_SECONDS")
        .property("replayCoolDown"),
    TemplateParameter::number("ReplayMaxDeaths", SettingUnit::Count, 3, 1, 100)
        .sets("REPLAY_MAX_DEATHS")
        .property("replayMaxDeaths"),
    TemplateParameter::text("ReplayPolicy", r"^(\s*\[[\s\S]*\]\s*)?$")
        .or("")
        .longest(2048)
        .sets("REPLAY_POLICY")
        .property("replayRules"),
    TemplateParameter::text(
        "ReplayDestinations",
        r"^(arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?)?$",
    )
    .or("")
    .sets("REPLAY_DESTINATIONS")
    .property("destinationArns"),
    TemplateParameter::number("MainRetentionDays", SettingUnit::Days, 4, 1, 13)
        .only(SamTemplate::Whole)
        .sets("MAIN_RETENTION_DAYS")
        .property("mainRetention"),
    TemplateParameter::number("MainRetentionDays", SettingUnit::Days, 4, 1, 14)
        .only(SamTemplate::Attached)
        .sets("MAIN_RETENTION_DAYS"),
    TemplateParameter::number("LedgerRetentionDays", SettingUnit::Days, 30, 16, 3650)
        .sets("LEDGER_RETENTION_DAYS")
        .property("ledgerRetention"),
    TemplateParameter::number("ResolvedRetentionDays", SettingUnit::Days, 90, 16, 3650)
        .only(SamTemplate::Whole)
        .sets("RESOLVED_RETENTION_DAYS")
        .property("resolvedRetention"),
    TemplateParameter::text("BodyRetentionDays", "^(letter|[1-9][0-9]{0,3})$")
        .or("letter")
        .only(SamTemplate::Whole)
        .sets("BODY_RETENTION_DAYS")
        .property("bodyRetention"),
    TemplateParameter::one_of(
        "LogRetentionDays",
        "30",
        &[
            "1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365", "400", "545", "731", "1096",
            "1827", "3653",
        ],
    )
    .property("logRetention"),
    TemplateParameter::one_of("Paging", "composite", &["composite", "each"]).property("paging"),
    TemplateParameter::number("MainQueueAgeLimitSeconds", SettingUnit::Seconds, 3600, 60, 43200)
        .property("mainQueueAgeLimit"),
    TemplateParameter::number("ForAPersonLimit", SettingUnit::Count, 0, 0, 1000000).property("forAPersonLimit"),
    TemplateParameter::number("PendingLimit", SettingUnit::Count, 100, 1, 100000000).property("pendingLimit"),
    TemplateParameter::number("OldestPendingLimitSeconds", SettingUnit::Seconds, 86400, 60, 31536000)
        .property("oldestPendingLimit"),
    TemplateParameter::text("SourceQueueArns", r"^arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?$")
        .only(SamTemplate::Attached)
        .sets("MAIN_QUEUE_ARN"),
    TemplateParameter::text("SourceQueueUrl", r"^(https?://[^/ ]+/[0-9]{12}/[A-Za-z0-9_-]{1,80}(\.fifo)?)?$")
        .or("")
        .only(SamTemplate::Attached)
        .sets("MAIN_QUEUE_URL"),
    TemplateParameter::text(
        "DeadLetterQueueArns",
        r"^arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?$",
    )
    .only(SamTemplate::Attached),
    TemplateParameter::text("DeadLetterQueueUrl", r"^(https?://[^/ ]+/[0-9]{12}/[A-Za-z0-9_-]{1,80}(\.fifo)?)?$")
        .or("")
        .only(SamTemplate::Attached)
        .sets("DEAD_LETTER_QUEUE_URL"),
    TemplateParameter::text("QueuePairs", r"^(\s*\{[\s\S]*\}\s*)?$")
        .or("")
        .longest(3072)
        .only(SamTemplate::Attached)
        .sets("QUEUE_PAIRS"),
    TemplateParameter::text("QueuePairsFile", "^([A-Za-z0-9_./-]{1,255})?$")
        .or("")
        .only(SamTemplate::Attached)
        .sets("QUEUE_PAIRS_FILE"),
    TemplateParameter::text("QueueKeyArns", "^(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,64})?$")
        .or("")
        .only(SamTemplate::Attached),
    TemplateParameter::text("Scope", "^([A-Za-z0-9][A-Za-z0-9_.-]{0,63})?$")
        .or("")
        .only(SamTemplate::Attached)
        .sets("LEDGER_SCOPE"),
    TemplateParameter::text(
        "LedgerTableArn",
        "^(arn:[a-z-]+:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]{3,255})?$",
    )
    .or("")
    .only(SamTemplate::Attached)
    .sets("LEDGER_TABLE_NAME"),
    TemplateParameter::one_of("LedgerElsewhere", "false", &["true", "false"]).only(SamTemplate::Attached),
];
