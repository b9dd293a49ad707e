//! Mutations: of bytes, of lines and numbers, and of the values of a JSON or TOML document.

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// Inputs do not grow beyond this.
pub const LARGEST: usize = 96 << 10;

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "7",
    "255",
    "65536",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "1e309",
    "-0.0",
    "1e-320",
    "0.1",
    "NaN",
    "inf",
    "null",
    "1e18",
];

const TEXTS: &[&str] = &[
    "",
    "..",
    "../../x",
    "/",
    "/etc/passwd",
    "-rf",
    "a\u{0}b",
    "\u{1b}[2J",
    "\u{202e}x",
    "a\nb",
    "|`<b>",
    "=1+1",
    "none",
    "all",
    "NaN",
    "ä",
    "\u{9b}",
];

/// A mutated copy of one of the inputs.
pub fn mutate(random: &mut ChaCha8Rng, pool: &[Vec<u8>], tokens: &[&str], documents: Documents) -> Vec<u8> {
    let mut bytes = pick(random, pool).clone();
    for _ in 0..random.random_range(1..=6) {
        let other = pick(random, pool);
        bytes = match (documents, random.random_range(0..10)) {
            (Documents::Json, 0..6) => json_lines(random, &bytes, other).unwrap_or(bytes),
            (Documents::Toml, 0..6) => toml_text(random, &bytes, other).unwrap_or(bytes),
            _ => of_bytes(random, bytes, other, tokens),
        };
        bytes.truncate(LARGEST);
    }
    bytes
}

/// What an input is made of.
#[derive(Debug, Clone, Copy)]
pub enum Documents {
    /// Bytes.
    None,
    /// One JSON document a line.
    Json,
    /// A TOML document.
    Toml,
}

fn pick<'p, T>(random: &mut ChaCha8Rng, from: &'p [T]) -> &'p T {
    &from[random.random_range(0..from.len())]
}

fn of_bytes(random: &mut ChaCha8Rng, mut bytes: Vec<u8>, other: &[u8], tokens: &[&str]) -> Vec<u8> {
    let length = bytes.len();
    let place = random.random_range(0..=length);
    let end = (place + random.random_range(0..=16.max(length / 8))).min(length);
    match random.random_range(0..12) {
        0 if length > 0 => bytes[place % length] ^= 1 << random.random_range(0..8),
        1 if length > 0 => {
            bytes[place % length] = *pick(random, &[0, 1, 0x7f, 0x80, 0xff, b'"', b'\n', b'{', b'[', b'-'])
        }
        2 => drop(bytes.drain(place..end)),
        3 => {
            let chunk = bytes[place..end].to_vec();
            let times = *pick(random, &[1, 2, 50]);
            bytes.splice(place..place, chunk.repeat(times));
        }
        4 => drop(bytes.splice(place..place, pick(random, tokens).bytes())),
        5 => drop(bytes.splice(place..end, pick(random, tokens).bytes())),
        6 => {
            let from = random.random_range(0..=other.len());
            let to = (from + random.random_range(0..=64.max(other.len() / 4))).min(other.len());
            bytes.splice(place..place, other[from..to].iter().copied());
        }
        7 => bytes.truncate(place),
        8 => {
            // A whole number of four or eight bytes, as binary formats keep lengths.
            let value = *pick(
                random,
                &[0_u64, 1, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 40, u64::MAX / 2, u64::MAX],
            );
            let width = *pick(random, &[2, 4, 8]);
            for (byte, new) in bytes[place..].iter_mut().zip(&value.to_le_bytes()[..width]) {
                *byte = *new;
            }
        }
        9 => {
            // A number in a text.
            let digit = |b: &u8| b.is_ascii_digit();
            if let Some(begin) = bytes[place..].iter().position(digit).map(|i| place + i) {
                let length = bytes[begin..].iter().take_while(|b| digit(b)).count();
                bytes.splice(begin..begin + length, pick(random, NUMBERS).bytes());
            }
        }
        _ => {
            let mut lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
            if lines.len() > 1 {
                let (a, b) = (random.random_range(0..lines.len()), random.random_range(0..lines.len()));
                match random.random_range(0..4) {
                    0 => lines.swap(a, b),
                    1 => drop(lines.remove(a)),
                    2 => lines.insert(b, lines[a]),
                    _ => lines.extend(other.split_inclusive(|b| *b == b'\n').skip(a).take(3)),
                }
            }
            return lines.concat();
        }
    }
    bytes
}

fn json_lines(random: &mut ChaCha8Rng, bytes: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let place = random.random_range(0..lines.len());
    let mut value: Value = serde_json::from_slice(&lines[place]).ok()?;
    let donors: Vec<&[u8]> = other.split(|b| *b == b'\n').collect();
    let donor = serde_json::from_slice(pick::<&[u8]>(random, &donors)).unwrap_or(Value::Null);
    change(random, &mut value, &donor);
    lines[place] = serde_json::to_vec(&value).ok()?;
    Some(lines.join(&b'\n'))
}

fn toml_text(random: &mut ChaCha8Rng, bytes: &[u8], other: &[u8]) -> Option<Vec<u8>> {
    let table = |bytes: &[u8]| -> Option<Value> {
        serde_json::to_value(toml::from_str::<toml::Table>(std::str::from_utf8(bytes).ok()?).ok()?).ok()
    };
    let mut value = table(bytes)?;
    change(random, &mut value, &table(other).unwrap_or(Value::Null));
    // TOML has no null.
    let text = toml::to_string(&without_nulls(value)).ok()?;
    Some(text.into_bytes())
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            map.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect()
        }
        Value::Array(items) => items.into_iter().filter(|v| !v.is_null()).map(without_nulls).collect(),
        other => other,
    }
}

/// Changes one node of a document.
fn change(random: &mut ChaCha8Rng, value: &mut Value, donor: &Value) {
    let mut count = 0;
    visit(value, &mut |_| count += 1);
    let chosen = random.random_range(0..count);
    let mut nodes = Vec::new();
    let mut donor = donor.clone();
    visit(&mut donor, &mut |node| nodes.push(node.clone()));
    let mut at = 0;
    let mut random_once = Some(random);
    visit(value, &mut |node| {
        if at == chosen
            && let Some(random) = random_once.take()
        {
            replace(random, node, &nodes);
        }
        at += 1;
    });
}

fn visit(value: &mut Value, with: &mut dyn FnMut(&mut Value)) {
    with(value);
    match value {
        Value::Object(map) => map.values_mut().for_each(|v| visit(v, with)),
        Value::Array(items) => items.iter_mut().for_each(|v| visit(v, with)),
        _ => {}
    }
}

fn replace(random: &mut ChaCha8Rng, node: &mut Value, donors: &[Value]) {
    match (random.random_range(0..8), &mut *node) {
        (0, _) => *node = Value::from(*pick(random, TEXTS)),
        (1, _) => *node = serde_json::from_str(pick::<&str>(random, NUMBERS)).unwrap_or(Value::Null),
        (2, _) => *node = pick(random, donors).clone(),
        (3, _) => {
            *node = (0..random.random_range(1..200)).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
        }
        (4, Value::Array(items)) if !items.is_empty() => {
            let item = pick(random, items).clone();
            items.extend(std::iter::repeat_n(item, *pick(random, &[1, 3, 40])));
        }
        (5, Value::Array(items)) if !items.is_empty() => {
            drop(items.remove(random.random_range(0..items.len())))
        }
        (4, Value::Object(map)) => {
            drop(map.insert((*pick(random, TEXTS)).to_owned(), pick(random, donors).clone()))
        }
        (5, Value::Object(map)) if !map.is_empty() => {
            let key = map.keys().nth(random.random_range(0..map.len())).cloned().unwrap_or_default();
            map.remove(&key);
        }
        (6, Value::Object(map)) if map.len() > 1 => {
            let keys: Vec<String> = map.keys().cloned().collect();
            let (a, b) = (pick(random, &keys), pick(random, &keys));
            let moved = map[a].clone();
            map.insert(b.clone(), moved);
        }
        (_, Value::Number(_)) => *node = Value::from(random.next_u64() >> random.random_range(0..64)),
        (_, Value::String(text)) => {
            let repeated = text.repeat(random.random_range(0..3));
            *node = Value::from(repeated + *pick::<&str>(random, TEXTS));
        }
        _ => *node = pick(random, donors).clone(),
    }
}
