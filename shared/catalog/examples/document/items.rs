//! Reads the types of the document from their sources.

#![allow(clippy::panic, reason = "a page that cannot be generated stops the run")]

use syn::{Attribute, Expr, ExprLit, GenericArgument, Item, Lit, Meta, PathArguments, Type};

/// The sources, in the order in which a reader meets the types.
const SOURCES: [&str; 7] = [
    include_str!("../../src/model/mod.rs"),
    include_str!("../../src/model/recipe.rs"),
    include_str!("../../src/model/version.rs"),
    include_str!("../../src/model/image.rs"),
    include_str!("../../src/model/figures.rs"),
    include_str!("../../src/model/contents.rs"),
    include_str!("../../src/model/history.rs"),
];

/// A type of the document.
pub struct Described {
    /// Its name.
    pub name: String,
    /// What it is, as one paragraph.
    pub doc: String,
    /// Its fields or its words.
    pub body: Body,
}

/// What a type consists of.
pub enum Body {
    /// An object with these fields.
    Fields(Vec<Field>),
    /// One of these words, each with its meaning.
    Words(Vec<(String, String)>),
}

/// A field of an object.
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it is.
    pub doc: String,
    /// What it holds.
    pub holds: Holds,
    /// Whether it may be missing.
    pub optional: bool,
}

/// What a field holds.
pub enum Holds {
    /// A text.
    Text,
    /// A time, as RFC 3339.
    Time,
    /// A number; whether it is a whole one.
    Number {
        /// Whether it is a whole number.
        whole: bool,
    },
    /// `true` or `false`.
    Flag,
    /// A type of the document.
    Of(String),
    /// A list.
    List(Box<Holds>),
}

/// All types of the document.
pub fn all() -> Vec<Described> {
    let file = |text: &&str| syn::parse_file(text).unwrap_or_else(|error| panic!("no source file: {error}"));
    SOURCES.iter().map(file).flat_map(|file| file.items.into_iter().filter_map(described)).collect()
}

fn described(item: Item) -> Option<Described> {
    match item {
        Item::Struct(found) => {
            let fields = found.fields.iter().map(|field| {
                let (holds, optional) = match inner(&field.ty, "Option") {
                    Some(inside) => (holds(inside), true),
                    None => (holds(&field.ty), has_default(&field.attrs)),
                };
                let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
                Field { name, doc: doc(&field.attrs), holds, optional }
            });
            let body = Body::Fields(fields.collect());
            Some(Described { name: found.ident.to_string(), doc: doc(&found.attrs), body })
        }
        Item::Enum(found) => {
            let words =
                found.variants.iter().map(|one| (kebab(&one.ident.to_string()), doc(&one.attrs))).collect();
            Some(Described {
                name: found.ident.to_string(),
                doc: doc(&found.attrs),
                body: Body::Words(words),
            })
        }
        _ => None,
    }
}

fn holds(ty: &Type) -> Holds {
    if let Some(inside) = inner(ty, "Vec") {
        return Holds::List(Box::new(holds(inside)));
    }
    let Type::Path(path) = ty else { panic!("a field of this type has no form in the reference") };
    let last = path.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
    match last.as_str() {
        // A link is a text.
        "String" | "Link" => Holds::Text,
        "DateTime" => Holds::Time,
        "u32" => Holds::Number { whole: true },
        "f64" => Holds::Number { whole: false },
        "bool" => Holds::Flag,
        _ => Holds::Of(last),
    }
}

/// What is within `Option<…>` or `Vec<…>`.
fn inner<'a>(ty: &'a Type, of: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == of)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|one| if let GenericArgument::Type(ty) = one { Some(ty) } else { None })
}

/// Whether an older document may lack a field that is always written now.
fn has_default(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|one| one.path().is_ident("serde")).any(|one| {
        let Meta::List(list) = &one.meta else { return false };
        list.tokens.to_string().split(',').any(|word| word.trim() == "default")
    })
}

fn doc(attributes: &[Attribute]) -> String {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    };
    attributes.iter().filter_map(line).collect::<Vec<_>>().join(" ")
}

fn kebab(name: &str) -> String {
    let mut out = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            out.push('-');
        }
        out.extend(letter.to_lowercase());
    }
    out
}
