//! The body of a delivery to a webhook, its header fields, and the wait after a failed delivery.
//!
//! Signatures, headers and keys follow Standard Webhooks 1.0 (<https://www.standardwebhooks.com>), so that receivers
//! can check them with a library.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::domain::consumer::Delivered;
use crate::domain::hook::SigningKey;
use crate::domain::time::TimeDelta;

/// The wait after the first failure. Each further failure doubles it.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(2);

const LONGEST_WAIT: TimeDelta = TimeDelta::hours(1);

/// The header fields of Standard Webhooks for a body that is sent at `at` (Unix seconds). Without a key there is no
/// `webhook-signature`.
pub fn header_fields(
    key: Option<&SigningKey>,
    at: i64,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let id = delivery_id(body);
    let signature = key.and_then(|key| signature(key, &id, at, body));
    let mut fields = vec![("webhook-id", id), ("webhook-timestamp", at.to_string())];
    fields.extend(signature.map(|signature| ("webhook-signature", signature)));
    fields
}

/// The value of `webhook-signature`: `v1,` and, in base64, the HMAC-SHA256 of id, time (Unix seconds) and body.
fn signature(key: &SigningKey, id: &str, at: i64, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).ok()?; // It takes keys of any length.
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// The value of `webhook-id`: a hash of the body, so that a batch that is sent again has the same id.
fn delivery_id(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    let hex: Vec<String> = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("msg_{}", hex.concat())
}

/// The JSON object that is posted: the consumer, the sequence numbers before and after the batch, and the records.
pub fn body(consumer: &str, delivered: &Delivered, records: &[Vec<u8>]) -> Vec<u8> {
    let Delivered { from, to, .. } = delivered;
    let consumer = serde_json::Value::from(consumer);
    let head = format!("{{\"consumer\":{consumer},\"from\":{from},\"to\":{to},\"items\":[");
    let mut body = head.into_bytes();
    body.extend(records.join(&b",\n"[..]));
    body.extend(b"]}\n");
    body
}

/// The wait after this many failures in a row (at least 1), or the wait that the receiver requested if that is longer.
pub fn wait(failures: u32, requested: Option<TimeDelta>) -> TimeDelta {
    let doubled = FIRST_WAIT * 2_i32.pow(failures.saturating_sub(1).min(20));
    doubled.min(LONGEST_WAIT).max(requested.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Standard Webhooks: any of its libraries accepts it.
    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(
            signature(
                &key,
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                br#"{"test": 2432232314}"#
            )
            .unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_body_is_signed_when_there_is_a_key() {
        let key = SigningKey::parse("0123456789abcdef").unwrap();
        let names = |key| header_fields(key, 7, b"{}").into_iter().map(|(name, _)| name).collect();
        let signed: Vec<_> = names(Some(&key));
        assert_eq!(signed, ["webhook-id", "webhook-timestamp", "webhook-signature"]);
        assert_eq!(names(None), ["webhook-id", "webhook-timestamp"]);
    }

    #[test]
    fn keys_are_read_as_they_are_or_as_base64() {
        for (text, expected) in [
            ("0123456789abcdef", Ok(b"0123456789abcdef".to_vec())),
            ("whsec_MDEyMzQ1Njc4OWFiY2RlZg==", Ok(b"0123456789abcdef".to_vec())),
            ("whsec_not base64", Err("is not base64 after whsec_")),
            ("whsec_MDEy", Err("a key has 16 to 1024 bytes")),
            ("short", Err("a key has 16 to 1024 bytes")),
            ("", Err("a key has 16 to 1024 bytes")),
        ] {
            let key = SigningKey::parse(text).map(|key| key.expose().to_vec());
            assert_eq!(key, expected.map_err(str::to_owned), "{text}");
        }
        assert!(!format!("{:?}", SigningKey::parse("0123456789abcdef")).contains("01"));
    }

    #[test]
    fn a_body_is_json_and_its_id_its_own() {
        let delivered = Delivered { from: 3, to: 7, records: 2 };
        let body = body("a", &delivered, &[b"{\"seq\":4}".to_vec(), b"{\"seq\":7}".to_vec()]);
        let text = String::from_utf8(body.clone()).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["items"][1]["seq"], 7);
        assert_eq!(
            text,
            "{\"consumer\":\"a\",\"from\":3,\"to\":7,\"items\":[{\"seq\":4},\n{\"seq\":7}]}\n"
        );
        assert_eq!(delivery_id(&body), delivery_id(&body));
        assert_ne!(delivery_id(&body), delivery_id(b""));
    }

    #[test]
    fn waits_double_up_to_an_hour_and_longer_if_requested() {
        let minute = TimeDelta::minutes(1);
        for (failures, requested, seconds) in [
            (1, None, 2),
            (2, None, 4),
            (5, None, 32),
            (12, None, 3_600),
            (u32::MAX, None, 3_600),
            (0, None, 2),
            (1, Some(minute), 60),
            (10, Some(minute), 1_024),
            (1, Some(TimeDelta::days(2)), 172_800),
        ] {
            assert_eq!(
                wait(failures, requested).num_seconds(),
                seconds,
                "{failures} {requested:?}"
            );
        }
    }
}
