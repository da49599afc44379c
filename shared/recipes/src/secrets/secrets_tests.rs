//! Tokens of services are put together from parts here, so that no scanner of sources takes this file for a leak.

use super::*;

fn found(text: &str) -> Vec<Rule> {
    scan("a", text.as_bytes()).into_iter().map(|secret| secret.rule).collect()
}

fn token(prefix: &str, length: usize) -> String {
    let characters = "k3Jx9QmZ7tRw2LpV5sNb8HcY4dFg6KaT".chars().cycle();
    format!("{prefix}{}", characters.take(length).collect::<String>())
}

fn jwt() -> String {
    format!("{}.{}.{}", token("eyJ", 20), token("eyJ", 30), token("", 43))
}

#[test]
fn tokens_of_known_forms_are_found_wherever_they_stand() {
    let aws = format!("AKIA{}", "Z2Y3X4W5V6U7T2S3");
    for (secret, rule) in [
        (aws.clone(), Rule::AwsAccessKeyId),
        (aws.replace("AK", "AS"), Rule::AwsAccessKeyId),
        (token("ghp_", 36), Rule::GithubToken),
        (token("gho_", 36), Rule::GithubToken),
        (token("ghs_", 36), Rule::GithubToken),
        (token("github_pat_", 22) + "_" + &token("", 59), Rule::GithubToken),
        (token("glpat-", 20), Rule::GitlabToken),
        (token("xoxa-", 24), Rule::SlackToken),
        (token("xoxb-", 24), Rule::SlackToken),
        (token("xoxp-", 24), Rule::SlackToken),
        (token("xoxr-", 24), Rule::SlackToken),
        (token("xoxs-", 24), Rule::SlackToken),
        (token("sk_live_", 24), Rule::StripeKey),
        (token("AIza", 35), Rule::GoogleApiKey),
        (token("npm_", 36), Rule::NpmToken),
        (token("pypi-AgEIcHlwaS5vcmc", 80), Rule::PypiToken),
        (jwt(), Rule::JsonWebToken),
    ] {
        for text in [
            secret.clone(),
            format!("curl -H 'Authorization: Bearer {secret}' https://example.com"),
            format!("export TOKEN={secret}\r\n"),
            format!("{{\"token\":\"{secret}\"}}"),
            format!("https://x:{secret}@example.com/a.git"),
        ] {
            assert_eq!(found(&text), [rule], "{text}");
        }
        assert!(found(&format!("x{secret}")).is_empty(), "what goes on before it is another word: {secret}");
    }
}

#[test]
fn what_only_begins_like_a_token_is_none() {
    for text in [
        "AKIA",
        "AKIA0123456789ABCDEF",
        "AKIAZ2Y3X4W5V6U7T2S3X",
        "ghp_short",
        "npm_config_registry npm_lifecycle_event_of_this_package",
        "uses: pypi-publish-action-of-somebody",
        "sk_live_...",
        "sk_test_k3Jx9QmZ7tRw2LpV",
        "eyJhbGciOi.eyJzdWIiOiIx",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----",
    ] {
        assert!(found(text).is_empty(), "{text}");
    }
}

#[test]
fn private_keys_are_found() {
    for kind in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "] {
        let key = format!("-----BEGIN {kind}PRIVATE{}\nMIIE\n-----END {kind}PRIVATE KEY-----\n", " KEY-----");
        assert_eq!(found(&key), [Rule::PrivateKey], "{key}");
    }
    assert_eq!(found(&format!("-----BEGIN PGP PRIVATE{}", " KEY BLOCK-----")), [Rule::PrivateKey]);
}

#[test]
fn secrets_of_aws_are_found_beside_their_name_alone() {
    let secret = format!("wJalrXUtnFEMI/{}", "K7MDENG/bPxRfiCYzZ3+9aQe1T");
    assert_eq!(secret.len(), 40);
    for text in [
        format!("aws_secret_access_key = {secret}"),
        format!("export AWS_SECRET_ACCESS_KEY={secret}"),
        format!("\"SecretAccessKey\": \"{secret}\","),
        format!("aws configure set aws_secret_access_key {secret}"),
        format!("secretAccessKey: '{secret}'"),
    ] {
        assert_eq!(found(&text), [Rule::AwsSecretAccessKey], "{text}");
    }
    assert!(found(&format!("commit {secret}")).is_empty());
    assert!(found("aws_secret_access_key = $AWS_SECRET_ACCESS_KEY").is_empty());
}

#[test]
fn the_examples_of_the_aws_documentation_are_told_too() {
    let id = format!("aws_access_key_id = AKIA{}", "IOSFODNN7EXAMPLE");
    let secret = format!("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/{}", "bPxRfiCYEXAMPLEKEY");
    assert_eq!(found(&format!("{id}\n{secret}\n")), [Rule::AwsAccessKeyId, Rule::AwsSecretAccessKey]);
}

#[test]
fn a_literal_that_is_assigned_to_a_word_for_secrets_is_found() {
    for text in [
        "password = \"sunshine-day\"",
        "DB_PASSWORD='tr0ub4dor'",
        "export MYSQL_PASSWD=tr0ub4dor3",
        "  password: tr0ub4dor3  # of the database",
        "{\"clientSecret\": \"aG7kQ2mZ\"}",
        "{\\\"password\\\": \\\"tr0ub4dor\\\"}",
        "api_key: 'aG7kQ2mZ91'",
        "API-KEY=aG7kQ2mZ91",
        "apiKey := \"aG7kQ2mZ91\"",
        "config[\"secret\"] = b'aG7kQ2mZ91'",
        "if [ \"$PASSWORD\" == \"tr0ub4dor\" ]; then",
        "mysql --user=root --password=tr0ub4dor3 < dump.sql",
        "password2=\"hunter22\"",
        "token => 'aG7kQ2mZ91'",
        "secret_key = 'a$b!c#d1'",
    ] {
        assert_eq!(found(text), [Rule::Assigned], "{text}");
    }
}

#[test]
fn variables_places_placeholders_and_words_are_no_secrets() {
    for text in [
        "password=$DB_PASSWORD",
        "password=\"$DB_PASSWORD\"",
        "password=\"${DB_PASSWORD:-none1234}\"",
        "echo ${DB_PASSWORD:=none1234}",
        "password=\"prefix1-$SUFFIX\"",
        "password=prefix12$SUFFIX",
        "TOKEN=$(curl -sX PUT http://169.254.169.254/latest/api/token)",
        "TOKEN=`cat /run/token`",
        "password = \"<your password>\"",
        "password = \"<the-password-1>\"",
        "password = \"xxxxxxxx\"",
        "password = \"changeme123\"",
        "password = \"my-example-1\"",
        "token = \"{{ vault_token_1 }}\"",
        "token: ${{ secrets.GITHUB_TOKEN }}",
        "password = \"short\"",
        "password = \"aaaaaaaaaaaa\"",
        "password = \"\"",
        "password = os.environ[\"PASSWORD1\"]",
        "token = sha256(input)",
        "token: node.or2_token,",
        "token: required by the second API, see below",
        "secret = \"arn:aws:secretsmanager:eu-central-1:123456789012:secret:web-a1B2c3\"",
        "secret = \"/golden/web/v2/secret\"",
        "token_url = \"https://id.acme.dev/oauth2/token\"",
        "token = \"https://id.acme.dev/oauth2/token\"",
        "secret = \"my-app-secret\"",
        "password_file = \"tr0ub4dor3\"",
        "max_tokens = 12345678",
        "token = 1234567890",
        "kind: Secret",
        "Enter the password: then press return 12345678",
        "secret: crate::v1::Secret2",
    ] {
        assert!(found(text).is_empty(), "{text}");
    }
}

#[test]
fn a_line_that_bears_the_words_and_the_line_after_it_are_let_pass() {
    let line = "password = 'tr0ub4dor'";
    assert!(found(&format!("{line} # kiln:no-secret")).is_empty());
    assert!(found(&format!("# kiln:no-secret: of a test\n{line}\n")).is_empty());
    let third = format!("# kiln:no-secret\n{line}\n{line}\n");
    assert_eq!(scan("a", third.as_bytes()).iter().map(|secret| secret.line).collect::<Vec<_>>(), [3]);
}

#[test]
fn a_finding_says_where_it_is_and_what_to_do_and_never_what_the_secret_is() {
    let secret = token("ghp_", 36);
    let found = scan("scripts/a.sh", format!("#!/bin/bash\n\nexport T={secret}\n").as_bytes());
    let expected = "scripts/a.sh:3: it looks like a GitHub token; let the instance read it from Secrets Manager or \
                    Parameter Store, or write kiln:no-secret on the line if it is none";
    assert_eq!(found[0].to_string(), expected);
    assert!(!format!("{found:?}").contains(&secret[4..]));
}

#[test]
fn a_line_is_told_once_for_each_rule() {
    let (github, npm) = (token("ghp_", 36), token("npm_", 36));
    assert_eq!(found(&format!("{github} {github} {npm}")), [Rule::GithubToken, Rule::NpmToken]);
    assert_eq!(found("password='tr0ub4dor' token='aG7kQ2mZ91'"), [Rule::Assigned]);
}

#[test]
fn a_binary_file_is_not_scanned() {
    let line = format!("{}\n", token("ghp_", 36));
    assert_eq!(found(&line).len(), 1);
    assert!(found(&format!("\u{7f}ELF\0{line}")).is_empty());
    // As of git, only its beginning tells what it is.
    assert_eq!(found(&format!("{}\0", line.repeat(300))).len(), 300);
}
