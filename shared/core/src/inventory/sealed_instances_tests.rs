use chrono::TimeDelta;

use super::*;
use crate::fixtures::*;
use crate::inventory::Platform;
use crate::model::Program;

#[test]
fn an_instance_is_a_builder_only_with_the_token_of_its_own_bake_and_subnet() {
    let new = NewInstance {
        region: region("us-east-1"),
        image: "ami-ba5e".parse().unwrap(),
        platform: Platform::Linux,
        instance_type: "t4g.small".into(),
        subnet: Some("subnet-0a".parse().unwrap()),
        role: Role::Builder,
        profile: None,
        name: name("web", 3),
        program: Program::default(),
        tags: builder("web", 3).tags,
        security_groups: Vec::new(),
        public_ip: None,
        disks: Vec::new(),
        launch: String::new(),
    };
    let launched = Instance {
        token: keys().launch_token(&new).to_string(),
        subnet: new.subnet.clone(),
        seal: Seal::Missing,
        ..builder("web", 3)
    };
    let seal = |mut instance: Instance| {
        keys().open_instance(&mut instance);
        instance.seal
    };
    assert_eq!(seal(launched.clone()), Seal::Valid);
    let retagged = |key, value: &str| {
        let tags = launched.tags.clone().with(tags::NAME, "somebody's").with(key, value);
        Instance { tags, ..launched.clone() }
    };
    assert_eq!(seal(retagged(tags::ROLE, "tester")), Seal::Wrong);
    assert_eq!(seal(retagged(tags::VERSION, "20260101T020000Z")), Seal::Wrong);
    assert_eq!(
        seal(Instance { subnet: Some("subnet-0b".parse().unwrap()), ..launched.clone() }),
        Seal::Wrong
    );
    // What its name says counts, if it fits the token.
    let mut named = Instance {
        tags: Role::Builder.tags(&name("web", 3), day(4)).with(tags::VERSION, "20260101T020000Z"),
        ..launched.clone()
    };
    named.tags = named.tags.with(tags::ROLE, "tester");
    keys().open_instance(&mut named);
    assert_eq!((named.seal, named.tags), (Seal::Valid, Role::Builder.tags(&name("web", 3), day(4))));
    // Everyone can compute a hash without the key.
    let guessed = Token::of(&["launch", "builder", "web", "20260104T020000Z"]).to_string();
    assert_eq!(seal(Instance { token: guessed, ..launched }), Seal::Wrong);
}

#[test]
fn the_bake_on_a_long_lived_instance_counts_only_with_its_seal_and_on_that_instance() {
    let given = Tags::new().with(tags::VERSION, name("web", 3).version).with_time(tags::DEADLINE, day(3));
    let instance = long_lived("web");
    let marks = keys().tags_of_bake(&instance.region, &instance.id, &name("web", 3), &given);
    let seal = |mut instance: Instance| {
        keys().open_instance(&mut instance);
        instance.seal
    };
    let marked = Instance { tags: instance.tags.clone().and(&marks), ..instance.clone() };
    assert_eq!(seal(marked.clone()), Seal::Valid);
    assert_eq!(seal(Instance { id: "i-0bad".parse().unwrap(), ..marked.clone() }), Seal::Wrong);
    let later = marked.tags.clone().with_time(tags::DEADLINE, day(3) + TimeDelta::hours(9));
    assert_eq!(seal(Instance { tags: later, ..marked }), Seal::Wrong);
}
