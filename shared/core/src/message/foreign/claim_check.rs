//! Bodies that stand in S3, and of which a message has only the place: the SQS and SNS Extended Client Libraries, and others that
//! write what they write.

use serde::Deserialize;

use super::members::Members;
use crate::message::envelope::Attributes;

/// The classes by which the libraries of Java name a pointer, the newer one first.
const CLASSES: [&str; 2] =
    ["software.amazon.payloadoffloading.PayloadS3Pointer", "com.amazon.sqs.javamessaging.MessageS3Pointer"];
/// The attributes by which a consumer's library knows such a message; their value is the body's size in bytes.
const RESERVED: [&str; 2] = ["ExtendedPayloadSize", "SQSLargePayloadSize"];

/// A place in S3 where a message's body stands. The object may be gone before the letter: nobody here keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimCheck {
    /// Name of the bucket.
    pub bucket: String,
    /// Key of the object.
    pub key: String,
    /// The object's size in bytes, if the message says it.
    pub bytes: Option<u64>,
    /// The reserved attribute that the message has; without one a consumer's library takes the pointer for the body.
    pub attribute: Option<&'static str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Pointer {
    s3_bucket_name: String,
    s3_key: String,
}

#[derive(Deserialize)]
struct InEnvelope {
    #[serde(rename = "Value")]
    value: String,
}

impl ClaimCheck {
    /// The pointer that a body is, if it is one: by its class, or by a reserved attribute where the class is another or there is
    /// none. In the envelope of SNS the attributes stand beside it.
    #[must_use]
    pub fn of(body: &str, attributes: &Attributes) -> Option<Self> {
        if !body.contains("s3BucketName") {
            return None;
        }
        let reserved = RESERVED.into_iter().find(|name| attributes.contains_key(*name));
        let size = |name: &'static str| attributes.get(name)?.as_text()?.trim().parse().ok();
        if let Some(pointer) = pointer(body, reserved.is_some()) {
            return Some(Self::at(pointer, reserved, reserved.and_then(size)));
        }
        let envelope = Members::of(body)?;
        let message = envelope.read::<String>("Message")?;
        let attributes = envelope.raw("MessageAttributes").and_then(Members::of);
        let found = RESERVED.into_iter().find_map(|name| Some((name, attributes.as_ref()?.read::<InEnvelope>(name)?)));
        let size = found.as_ref().and_then(|(_, size)| size.value.trim().parse().ok());
        let reserved = found.map(|(name, _)| name);
        Some(Self::at(pointer(&message, reserved.is_some())?, reserved, size))
    }

    /// The reserved attribute of this name.
    #[must_use]
    pub fn reserved(name: &str) -> Option<&'static str> {
        RESERVED.into_iter().find(|reserved| *reserved == name)
    }

    fn at(pointer: S3Pointer, attribute: Option<&'static str>, bytes: Option<u64>) -> Self {
        Self { bucket: pointer.s3_bucket_name, key: pointer.s3_key, bytes, attribute }
    }
}

fn pointer(body: &str, reserved: bool) -> Option<S3Pointer> {
    match serde_json::from_str::<(String, S3Pointer)>(body) {
        Ok((class, pointer)) => (reserved || CLASSES.contains(&class.as_str())).then_some(pointer),
        Err(_) if reserved => serde_json::from_str(body).ok(),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::message::envelope::{Attribute, AttributeValue};

    fn attributes(name: &str, value: &str) -> Attributes {
        let number = Attribute { data_type: "Number".to_owned(), value: AttributeValue::Text(value.to_owned()) };
        [(name.to_owned(), number)].into()
    }

    fn body(class: &str) -> String {
        format!(r#"["{class}",{{"s3BucketName":"large","s3Key":"8b79b963-244f-4056-910f-ad6c06bca726"}}]"#)
    }

    #[test]
    fn both_classes_and_both_attributes_are_known() {
        for class in CLASSES {
            for name in RESERVED {
                let found = ClaimCheck::of(&body(class), &attributes(name, "4194336")).unwrap();
                assert_eq!(
                    (found.bucket.as_str(), found.key.len(), found.bytes),
                    ("large", 36, Some(4_194_336)),
                    "{class}"
                );
                assert_eq!(found.attribute, Some(name));
            }
            let found = ClaimCheck::of(&body(class), &Attributes::new()).unwrap();
            assert_eq!((found.bytes, found.attribute), (None, None), "no library would fetch it");
        }
    }

    #[test]
    fn other_libraries_pointers_are_known_by_the_attribute_alone() {
        let plain = r#"{"s3BucketName":"large","s3Key":"k"}"#;
        for body in [plain.to_owned(), body("my.own.Pointer")] {
            assert!(
                ClaimCheck::of(&body, &attributes(RESERVED[0], "no number")).is_some_and(|found| found.bytes.is_none())
            );
            assert_eq!(ClaimCheck::of(&body, &Attributes::new()), None, "{body}");
        }
    }

    #[test]
    fn a_pointer_in_the_envelope_of_sns_is_found_with_the_attributes_beside_it() {
        let size = json!({"ExtendedPayloadSize": {"Type": "Number", "Value": "300000"}});
        let wrapped =
            json!({"Type": "Notification", "Message": body(CLASSES[0]), "MessageAttributes": size}).to_string();
        let found = ClaimCheck::of(&wrapped, &Attributes::new()).unwrap();
        assert_eq!((found.bytes, found.attribute), (Some(300_000), Some(RESERVED[0])));
    }

    #[test]
    fn a_body_that_speaks_of_buckets_is_no_pointer() {
        for other in [
            "{\"note\":\"s3BucketName\"}",
            "s3BucketName",
            "[\"a\",{\"s3BucketName\":\"b\"}]",
            "[{\"s3BucketName\":\"b\",\"s3Key\":\"k\"}]",
        ] {
            assert_eq!(ClaimCheck::of(other, &Attributes::new()), None, "{other}");
        }
    }
}
