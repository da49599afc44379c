//! Literals that are assigned to a word such as `password`, in the syntax of shells, TOML, YAML, JSON and most languages.

/// What the last part of a name is if its value is a secret, without `_` and `-`. A person chose the value of the first
/// kind, a machine that of the second.
const CHOSEN: [&[u8]; 3] = [b"password", b"passwd", b"passphrase"];
const MADE: [&[u8]; 4] = [b"secret", b"token", b"apikey", b"secretkey"];

/// Beginnings of values that say where a secret is.
const PLACES: [&[u8]; 7] = [b"/", b"./", b"../", b"~/", b"arn:", b"ssm:", b"file:"];
/// Parts of values that stand for a secret.
const PLACEHOLDERS: [&[u8]; 9] = [
    b"xxx",
    b"changeme",
    b"change-me",
    b"change_me",
    b"example",
    b"placeholder",
    b"redacted",
    b"your-",
    b"your_",
];

/// How many bytes before and after the assignment are read.
const NAME_WITHIN: usize = 64;
const VALUE_WITHIN: usize = 512;
const LEAST: usize = 8;
/// The least entropy of a value, in bits for each character. The second is that of eight characters of which two are
/// the same, with room for the rounding.
const LEAST_BITS_CHOSEN: f64 = 2.5;
const LEAST_BITS_MADE: f64 = 2.74;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Chosen,
    Made,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    None,
    /// Of which a shell replaces nothing within.
    Single,
    Double,
}

struct Literal<'a> {
    text: &'a [u8],
    quotes: Quotes,
}

/// Whether a line assigns a literal to a word such as `password`.
pub fn is_in(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.iter().enumerate().filter(|(_, byte)| matches!(byte, b'=' | b':')).any(|(at, sign)| {
        let Some(name) = name(&line[..at]) else { return false };
        literal(&line[at + 1..], *sign).is_some_and(|literal| is_secret(name, &literal))
    })
}

/// What kind of name ends before an assignment; `None` if its value is no secret.
fn name(before: &[u8]) -> Option<Name> {
    let near = &before[before.len().saturating_sub(NAME_WITHIN)..];
    // What may stand between: spaces, quotes, and the ends of `config["password"]`, `:=`, `+=`, `?=` and `!=`.
    let end = near.iter().rposition(|byte| !b" \t\"'`\\]})?!:+".contains(byte))? + 1;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let start = near[..end].iter().rposition(|byte| !is_name(*byte)).map_or(0, |at| at + 1);
    // Most names end in another letter: those of secrets in a letter of `password` and the others, or in a digit.
    if !near[..end].last().is_some_and(|last| b"detny0123456789_-".contains(&last.to_ascii_lowercase())) {
        return None;
    }
    let letters: Vec<u8> = near[start..end]
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(u8::to_ascii_lowercase)
        .collect();
    // `password2` is one too.
    let digits = letters.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let letters = &letters[..letters.len() - digits];
    if CHOSEN.iter().any(|word| letters.ends_with(word)) {
        return Some(Name::Chosen);
    }
    MADE.iter().any(|word| letters.ends_with(word)).then_some(Name::Made)
}

/// The literal after an assignment by `sign`; `None` if there is an expression.
fn literal(after: &[u8], sign: u8) -> Option<Literal<'_>> {
    let after = &after[..after.len().min(VALUE_WITHIN)];
    // `${PASSWORD:-none}` and its like; `:=` counts where its second sign stands.
    if sign == b':' && after.first().is_some_and(|next| b"-=?+".contains(next)) {
        return None;
    }
    let start = after.iter().position(|byte| !b"=~> \t\\".contains(byte))?;
    let value = &after[start..];
    // Prefixes of strings in Python and Rust.
    let value = match value {
        [b'b' | b'r' | b'u' | b'f', rest @ ..] if matches!(rest, [b'"' | b'\'', ..]) => rest,
        _ => value,
    };
    match value.split_first()? {
        (quote @ (b'"' | b'\''), rest) => {
            let end = rest.iter().position(|byte| byte == quote).unwrap_or(rest.len());
            let text = rest[..end].strip_suffix(b"\\").unwrap_or(&rest[..end]);
            Some(Literal { text, quotes: if *quote == b'\'' { Quotes::Single } else { Quotes::Double } })
        }
        _ => {
            let is_bare = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/_.~!@#%^*-".contains(byte);
            let end = value.iter().position(|byte| !is_bare(byte)).unwrap_or(value.len());
            // Base64 ends in them. Within a value they are the next assignment.
            let end = end + value[end..].iter().take_while(|byte| **byte == b'=').count();
            let rest = &value[end..];
            let ends = match (sign, rest.trim_ascii_start().first()) {
                (_, None) => true,
                // Text goes on after a colon; a value of YAML does not, but for a comment.
                (b':', Some(next)) => *next == b'#' || b",}".contains(next),
                // An expression goes on after a name: a call, an index, a path, a variable.
                (_, Some(_)) => !rest.first().is_some_and(|next| b"([{}:$`".contains(next)),
            };
            ends.then_some(Literal { text: &value[..end], quotes: Quotes::None })
        }
    }
}

fn is_secret(name: Name, literal: &Literal<'_>) -> bool {
    let text = literal.text;
    if text.len() < LEAST || text.iter().any(u8::is_ascii_whitespace) {
        return false;
    }
    let looks_secret = match (name, literal.quotes) {
        (Name::Chosen, Quotes::Single | Quotes::Double) => bits(text) >= LEAST_BITS_CHOSEN,
        // A field such as `node.or2_token` is passed on.
        (_, Quotes::None) if text.contains(&b'.') && self::name(text).is_some() => false,
        // Without quotes it may be a word of the syntax, and of a machine's a name; those have no digits.
        _ => {
            text.iter().any(u8::is_ascii_digit)
                && text.iter().any(u8::is_ascii_alphabetic)
                && bits(text) >= LEAST_BITS_MADE
        }
    };
    looks_secret && is_literal(literal) && !stands_for_another(text)
}

/// Whether a value says where the secret is, or holds its place.
fn stands_for_another(text: &[u8]) -> bool {
    let text = text.to_ascii_lowercase();
    PLACES.iter().any(|place| text.starts_with(place))
        || PLACEHOLDERS.iter().any(|placeholder| super::contains(&text, placeholder))
        || super::contains(&text, b"://")
}

/// Whether a value means itself, and is not replaced by another.
fn is_literal(literal: &Literal<'_>) -> bool {
    let text = literal.text;
    let holds = |part: &[u8]| super::contains(text, part);
    let replaced =
        text.windows(2).any(|pair| pair[0] == b'$' && (pair[1].is_ascii_alphabetic() || pair[1] == b'_'));
    let enclosed = |open: u8, close: u8| text.first() == Some(&open) && text.last() == Some(&close);
    !(text.starts_with(b"$")
        || (replaced && literal.quotes != Quotes::Single)
        || holds(b"${")
        || holds(b"$(")
        || holds(b"`")
        || (holds(b"{") && holds(b"}"))
        || enclosed(b'<', b'>')
        || enclosed(b'%', b'%'))
}

/// The entropy of a text, in bits for each byte.
fn bits(text: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for byte in text {
        counts[usize::from(*byte)] += 1;
    }
    let length = text.len() as f64;
    let of = |count: u32| f64::from(count) / length;
    counts.iter().filter(|count| **count > 0).map(|count| -of(*count) * of(*count).log2()).sum()
}
