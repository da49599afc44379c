use aws_sdk_ec2::error::ErrorMetadata;
use aws_sdk_ec2::operation::describe_subnets::{DescribeSubnetsError, DescribeSubnetsOutput};
use aws_sdk_ec2::types::Subnet;
use futures::executor::block_on;
use kiln_core::model::Region;

use super::*;

type Answer = Result<DescribeSubnetsOutput, SdkError<DescribeSubnetsError, ()>>;

fn page(subnets: &[&str], next: Option<&str>) -> DescribeSubnetsOutput {
    let subnets = subnets.iter().map(|id| Subnet::builder().subnet_id(*id).build()).collect();
    DescribeSubnetsOutput::builder()
        .set_subnets(Some(subnets))
        .set_next_token(next.map(str::to_owned))
        .build()
}

/// What is read when the page of each token is this one.
fn read(answer: impl Fn(Option<&str>) -> Answer) -> Result<Vec<String>> {
    let region: Region = "us-east-1".parse().unwrap();
    let fetch = async |token: Option<String>| answer(token.as_deref());
    let found = block_on(all(Call::new("DescribeSubnets", &region), "the subnets", fetch))?;
    Ok(found.into_iter().filter_map(|subnet| subnet.subnet_id).collect())
}

#[test]
fn every_page_is_read_even_after_an_empty_one() {
    let found = read(|token| {
        Ok(match token {
            None => page(&["subnet-1"], Some("a")),
            Some("a") => page(&[], Some("b")),
            _ => page(&["subnet-2"], Some("")),
        })
    });
    assert_eq!(found.unwrap(), ["subnet-1", "subnet-2"]);
}

#[test]
fn an_answer_that_repeats_a_page_token_is_an_error_and_not_a_short_list() {
    let twice_in_a_row = read(|_| Ok(page(&["subnet-1"], Some("a"))));
    let in_a_circle = read(|token| Ok(page(&[], Some(if token == Some("a") { "b" } else { "a" }))));
    for answer in [twice_in_a_row, in_a_circle] {
        let error = answer.unwrap_err();
        assert_eq!((error.operation, error.code.as_str()), ("DescribeSubnets", "RepeatedPageToken"));
    }
}

#[test]
fn an_error_on_a_later_page_fails_the_whole_read() {
    let failed = || {
        let metadata = ErrorMetadata::builder().code("InternalError").build();
        SdkError::service_error(DescribeSubnetsError::generic(metadata), ())
    };
    let found = read(|token| match token {
        None => Ok(page(&["subnet-1"], Some("a"))),
        Some(_) => Err(failed()),
    });
    assert_eq!(found.unwrap_err().code, "InternalError");
}

#[test]
fn no_call_is_paged_by_the_sdk() {
    let folder = std::path::Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("src");
    let files = ["aws", "lambda"].map(|room| std::fs::read_dir(folder.join(room)).unwrap());
    let files = files.into_iter().flatten().map(|entry| entry.unwrap().path());
    let sdk = concat!(".into_", "paginator(");
    let paged: Vec<_> =
        files.filter(|file| std::fs::read_to_string(file).is_ok_and(|text| text.contains(sdk))).collect();
    assert!(paged.is_empty(), "use pages::all: {paged:?}");
}
