//! Reads docs and error sentences of items from a source file.

#![allow(clippy::panic, reason = "a page that cannot be generated stops the run")]

use syn::{Attribute, Expr, ExprLit, Fields, File, Item, Lit, Meta, Type};

/// A variant of an enum, or a constant, with its docs.
pub struct Described {
    /// The name of the item.
    pub name: String,
    /// The doc comment, as one paragraph.
    pub doc: String,
    /// The sentence in `#[error]`, if there is one.
    pub sentence: Option<String>,
    /// The named fields.
    pub fields: Vec<Field>,
    /// The value, if the item is a constant string.
    pub value: Option<String>,
}

/// A named field that is serialised.
pub struct Field {
    /// Its name in JSON.
    pub name: String,
    /// The doc comment, as one paragraph.
    pub doc: String,
    /// Its type.
    pub ty: Type,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether its own fields stand in its place.
    pub flat: bool,
}

/// A source file, parsed.
pub struct Source(File);

impl Source {
    /// Parses a file of this repository.
    pub fn of(text: &str) -> Self {
        Self(syn::parse_file(text).unwrap_or_else(|error| panic!("a source file does not parse: {error}")))
    }

    /// The first sentence of the file's own doc comment.
    pub fn title(&self) -> String {
        doc(&self.0.attrs).split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned()
    }

    /// The names of all enums of the file.
    pub fn enums(&self) -> Vec<String> {
        let name =
            |item: &Item| if let Item::Enum(found) = item { Some(found.ident.to_string()) } else { None };
        self.0.items.iter().filter_map(name).collect()
    }

    /// The variants of an enum of the file.
    pub fn variants(&self, name: &str) -> Vec<Described> {
        let found = self.0.items.iter().find_map(|item| match item {
            Item::Enum(found) if found.ident == name => Some(found),
            _ => None,
        });
        let variants = found.unwrap_or_else(|| panic!("there is no enum {name}")).variants.iter();
        variants
            .map(|variant| Described {
                name: variant.ident.to_string(),
                doc: doc(&variant.attrs),
                sentence: sentence(&variant.attrs),
                fields: fields(&variant.fields),
                value: None,
            })
            .collect()
    }

    /// The fields of a struct of the file; `None` if it has no such struct.
    pub fn find_fields(&self, name: &str) -> Option<Vec<Field>> {
        self.0.items.iter().find_map(|item| match item {
            Item::Struct(found) if found.ident == name => Some(fields(&found.fields)),
            _ => None,
        })
    }

    /// The fields of a struct of the file.
    pub fn fields(&self, name: &str) -> Vec<Field> {
        self.find_fields(name).unwrap_or_else(|| panic!("there is no struct {name}"))
    }

    /// The sentence in the `#[error]` of a struct, if there is one.
    pub fn sentence(&self, name: &str) -> Option<String> {
        self.0.items.iter().find_map(|item| match item {
            Item::Struct(found) if found.ident == name => sentence(&found.attrs),
            _ => None,
        })
    }

    /// The constants that are strings.
    pub fn constants(&self) -> Vec<Described> {
        let of = |item: &Item| match item {
            Item::Const(found) => Some(Described {
                name: found.ident.to_string(),
                doc: doc(&found.attrs),
                sentence: None,
                fields: Vec::new(),
                value: Some(text_of(&found.expr)?),
            }),
            _ => None,
        };
        self.0.items.iter().filter_map(of).collect()
    }
}

fn fields(fields: &Fields) -> Vec<Field> {
    let named = fields.iter().filter_map(|field| {
        let attribute = |word| serde_says(&field.attrs, word);
        (!attribute("skip")).then_some(())?;
        Some(Field {
            name: field.ident.as_ref()?.to_string().replace('_', "-"),
            doc: doc(&field.attrs),
            ty: field.ty.clone(),
            optional: attribute("skip_serializing_if"),
            flat: attribute("flatten"),
        })
    });
    named.collect()
}

/// Whether an attribute of serde has this word.
fn serde_says(attributes: &[Attribute], word: &str) -> bool {
    attributes.iter().filter(|one| one.path().is_ident("serde")).any(|one| {
        let Meta::List(list) = &one.meta else { return false };
        list.tokens
            .to_string()
            .split(',')
            .any(|part| part.split('=').next().unwrap_or_default().trim() == word)
    })
}

fn text_of(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => text_of(&meta.value),
        _ => None,
    });
    let text = lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>().join(" ");
    // A link of rustdoc has no target on a page.
    text.replace("[`", "`").replace("`]", "`").trim().to_owned()
}

fn sentence(attributes: &[Attribute]) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.path().is_ident("error"))?;
    let Meta::List(list) = &attribute.meta else { return None };
    let first = list.tokens.clone().into_iter().next()?.to_string();
    syn::parse_str::<syn::LitStr>(&first).ok().map(|text| readable(&text.value()))
}

/// A sentence with readable placeholders: `{image}` becomes `<image>`, one without a name becomes `…`.
fn readable(sentence: &str) -> String {
    let mut text = String::new();
    let mut rest = sentence;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        if rest[at..].starts_with("{{") || rest[at..].starts_with("}}") {
            text.push(if rest[at..].starts_with('{') { '{' } else { '}' });
            rest = &rest[at + 2..];
            continue;
        }
        let end = rest[at..].find('}').map_or(rest.len(), |end| at + end);
        let name = rest[at + 1..end].split(':').next().unwrap_or_default();
        let is_named = name.starts_with(|first: char| first.is_ascii_alphabetic());
        text.push_str(&if is_named { format!("<{name}>") } else { "…".to_owned() });
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    text + rest
}
