//! Which stack gets which of the parameters that were given once, for all Regions.

use std::collections::BTreeMap;

/// Parameters and their values.
pub(crate) type Given = BTreeMap<String, String>;

/// The parameters of each Region's stack, by Region.
///
/// The home stack gets all of them, a further one those that its template knows. A resource that is of one Region, such as
/// a key or a topic, goes to the stack of its own Region: the value may hold an ARN for each Region, with commas between
/// them.
///
/// # Errors
/// An ARN that no stack takes, or a second one of a Region.
pub(crate) fn shared_out(
    given: &Given,
    home: &str,
    further: &[String],
    known_further: &[String],
) -> Result<BTreeMap<String, Given>, String> {
    let mut shares: BTreeMap<String, Given> = further
        .iter()
        .map(String::as_str)
        .chain([home])
        .map(|region| (region.to_owned(), Given::new()))
        .collect();
    for (key, value) in given {
        let takes = |region: &str| region == home || known_further.contains(key);
        let takers: Vec<&str> =
            [home].into_iter().chain(further.iter().map(String::as_str)).filter(|one| takes(one)).collect();
        let arns: Vec<&str> = value.split(',').collect();
        if !arns.iter().all(|arn| region_of(arn).is_some()) {
            for region in takers {
                share(&mut shares, region).insert(key.clone(), value.clone());
            }
            continue;
        }
        for arn in arns {
            let region = region_of(arn).unwrap_or_default();
            if !takers.contains(&region) {
                let takers = takers.join(", ");
                return Err(format!(
                    "parameter {key} names {arn}, but no stack in {region} takes it: give ARNs of {takers}"
                ));
            }
            if share(&mut shares, region).insert(key.clone(), arn.to_owned()).is_some() {
                return Err(format!("parameter {key} names two ARNs of {region}: give one for each Region"));
            }
        }
    }
    Ok(shares)
}

fn share<'a>(shares: &'a mut BTreeMap<String, Given>, region: &str) -> &'a mut Given {
    shares.entry(region.to_owned()).or_default()
}

/// The Region of an ARN; none of one of every Region, such as IAM's, and of what is no ARN.
fn region_of(text: &str) -> Option<&str> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    (parts.len() == 6 && parts[0] == "arn" && !parts[3].is_empty()).then(|| parts[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "us-east-1";
    const FAR: &str = "eu-west-1";

    fn given(pairs: &[(&str, &str)]) -> Given {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn shares(pairs: &[(&str, &str)]) -> Result<(Given, Given), String> {
        let known: Vec<String> =
            ["AlarmTopic", "KmsKey", "PermissionsBoundary", "RolePath"].map(str::to_owned).into();
        let mut found = shared_out(&given(pairs), HOME, &[FAR.to_owned()], &known)?;
        Ok((found.remove(HOME).unwrap(), found.remove(FAR).unwrap()))
    }

    fn topic(region: &str) -> String {
        format!("arn:aws:sns:{region}:123456789012:oncall")
    }

    #[test]
    fn the_home_stack_gets_all_and_a_further_one_what_its_template_knows() {
        let (home, far) = shares(&[("LogLevel", "debug"), ("RolePath", "/platform/")]).unwrap();
        assert_eq!(home, given(&[("LogLevel", "debug"), ("RolePath", "/platform/")]));
        assert_eq!(far, given(&[("RolePath", "/platform/")]));
    }

    #[test]
    fn what_is_of_iam_goes_to_every_region() {
        let both = given(&[("PermissionsBoundary", "arn:aws:iam::123456789012:policy/boundary")]);
        let found = shares(&[("PermissionsBoundary", "arn:aws:iam::123456789012:policy/boundary")]);
        assert_eq!(found.unwrap(), (both.clone(), both));
    }

    #[test]
    fn a_topic_or_a_key_goes_to_its_own_region_alone() {
        let (home, far) = (topic(HOME), topic(FAR));
        let (at_home, in_far) = (given(&[("AlarmTopic", &home)]), given(&[("AlarmTopic", &far)]));
        assert_eq!(shares(&[("AlarmTopic", &home)]).unwrap(), (at_home.clone(), Given::new()));
        assert_eq!(shares(&[("AlarmTopic", &far)]).unwrap(), (Given::new(), in_far.clone()));
        assert_eq!(shares(&[("AlarmTopic", &format!("{far},{home}"))]).unwrap(), (at_home, in_far));
    }

    #[test]
    fn a_list_that_is_not_of_arns_stays_whole_and_an_emptied_one_is_emptied_everywhere() {
        let subnets = "subnet-0a1b2c3d4e5f60718,subnet-0a1b2c3d4e5f60719";
        let whole = given(&[("SubnetIds", subnets)]);
        assert_eq!(shares(&[("SubnetIds", subnets)]).unwrap(), (whole, Given::new()));
        let empty = given(&[("AlarmTopic", "")]);
        assert_eq!(shares(&[("AlarmTopic", "")]).unwrap(), (empty.clone(), empty));
    }

    #[test]
    fn an_arn_that_no_stack_takes_and_a_second_of_a_region_are_refused() {
        let error = shares(&[("AlarmTopic", &topic("sa-east-1"))]).unwrap_err();
        assert!(error.contains("no stack in sa-east-1 takes it"), "{error}");
        let signing = format!("arn:aws:lambda:{FAR}:123456789012:code-signing-config:csc-1");
        let error = shares(&[("CodeSigningConfig", &signing)]).unwrap_err();
        assert!(error.contains("no stack in eu-west-1 takes it: give ARNs of us-east-1"), "{error}");
        let error = shares(&[("AlarmTopic", &format!("{0},{0}2", topic(HOME)))]).unwrap_err();
        assert!(error.contains("names two ARNs of us-east-1"), "{error}");
    }
}
