//! What Kiln assumes of AWS, as checks that run against any implementation of the ports: the in-memory cloud of the
//! simulation and, through Kiln's own AWS code, the local AWS and unpatched moto.
//!
//! The table of these assumptions with their sources stands in `docs/assumptions.md`.

mod publishing;
mod retiring;

use std::fmt::Debug;

use kiln_core::inventory::{
    Encryption, ErrorKind, Image, ImageQuery, ImageState, Instance, InstanceState, NewImage, NewInstance,
    NewReplica, Platform, Result, Seal, StopReason,
};
use kiln_core::model::program::Step;
use kiln_core::model::record::CopySource;
use kiln_core::model::{
    ImageId, ImageName, ImageRecord, InstanceId, Origin, Program, Region, Role, SnapshotId, Stage, Tags,
    Token, tags,
};
use kiln_engine::ports::{Cloud, Images, Instances, References};

/// A cloud to check, and how time passes in it.
#[allow(async_fn_in_trait, reason = "it is used with concrete types on one thread")]
pub trait ContractAdapter {
    /// The cloud.
    type Cloud: Cloud;

    /// The ports.
    fn cloud(&self) -> &Self::Cloud;
    /// An available image to launch from, in the home Region.
    async fn base(&self) -> ImageId;
    /// Lets a little time pass, as this cloud measures it.
    async fn wait(&self);
}

/// How often a check reads a state again before it gives up.
const MOST_POLLS: usize = 400;

/// `Err` says what differs from the assumption.
pub type Checked = Result<(), String>;

/// The table of the assumptions: the name of each, and the check that proves it.
macro_rules! assumptions {
    ($($name:ident => $check:ident,)*) => {
        /// The names of all assumptions.
        pub const ALL: &[&str] = &[$(stringify!($name)),*];

        async fn run<A: ContractAdapter>(case: &Case<'_, A>, name: &str) -> Checked {
            match name {
                $(stringify!($name) => case.$check().await,)*
                unknown => Err(format!("there is no assumption {unknown}")),
            }
        }
    };
}

assumptions! {
    a_builder_is_seen_with_its_tags_and_its_token => builder_is_seen,
    the_same_token_launches_one_builder => one_builder,
    the_token_of_a_terminated_builder_is_spent => token_is_spent,
    an_image_bears_its_tags_and_tells_its_instance => image_is_described,
    a_name_is_taken_by_one_image => name_is_taken,
    an_image_needs_an_instance_that_is_there => image_needs_instance,
    a_copy_bears_its_tags_and_tells_its_origin => copy_is_described,
    the_same_token_makes_one_copy_and_another_makes_another_of_the_same_name => one_copy,
    a_token_with_another_call_is_refused => token_is_refused,
    a_disabled_image_is_still_described => disabled_is_described,
    a_deregistered_image_goes_with_its_snapshots_and_only_once => deregistered_once,
    the_snapshots_of_an_image_are_found_by_its_id => snapshots_of_it,
    many_images_are_tagged_at_once_or_none => tagged_at_once,
    an_anchor_counts_with_the_tags_of_before_and_after_it => anchored,
    what_does_not_exist_is_reported_as_such => missing,
    permissions_are_changed_as_said_and_go_with_disabling => permissions,
    a_parameter_names_an_image_once_it_was_looked_at_and_a_try_writes_nothing => parameter,
}

/// The assumptions that unpatched moto keeps too. It has no client tokens, no unique names, and images are available at
/// once.
pub const OF_MOTO: &[&str] =
    &["a_builder_is_seen_with_its_tags_and_its_token", "what_does_not_exist_is_reported_as_such"];

/// Checks one assumption.
///
/// # Errors
/// What differs from the assumption, or that there is no assumption of this name.
pub async fn check<A: ContractAdapter>(adapter: &A, name: &str) -> Checked {
    let case = Case { adapter, mark: name.len().to_string() + &name[..12.min(name.len())] };
    run(&case, name).await
}

/// The check of one assumption. Its resources have names that no other check uses.
struct Case<'a, G> {
    adapter: &'a G,
    mark: String,
}

fn home() -> Region {
    "us-east-1".parse().unwrap()
}

fn west() -> Region {
    "eu-west-1".parse().unwrap()
}

fn expect_eq<T: PartialEq + Debug>(what: &str, found: T, assumed: T) -> Checked {
    if found == assumed { Ok(()) } else { Err(format!("{what} is {found:?}, not {assumed:?}")) }
}

fn expect_ok<T>(what: &str, result: Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error}"))
}

fn expect_error<T: Debug>(what: &str, result: Result<T>, kinds: &[ErrorKind]) -> Checked {
    match result {
        Err(error) if kinds.contains(&error.kind) => Ok(()),
        other => Err(format!("{what} brought {other:?}, not an error of {kinds:?}")),
    }
}

impl<G: ContractAdapter> Case<'_, G> {
    fn cloud(&self) -> &G::Cloud {
        self.adapter.cloud()
    }

    /// The name of a bake that only this check uses.
    fn name(&self) -> ImageName {
        let letters: String = self.mark.bytes().map(|byte| char::from(b'a' + byte % 26)).collect();
        format!("{letters}-20260101T020000Z").parse().unwrap()
    }

    fn record(&self, copied: Option<CopySource>) -> ImageRecord {
        ImageRecord {
            name: self.name(),
            stage: Stage::Captured,
            base: None,
            copied,
            copied_back: None,
            adopted: false,
            asked_again: None,
        }
    }

    async fn builder(&self) -> NewInstance {
        let name = self.name();
        NewInstance {
            region: home(),
            image: self.adapter.base().await,
            platform: Platform::Linux,
            instance_type: "t4g.small".into(),
            subnet: None,
            role: Role::Builder,
            profile: None,
            name: name.clone(),
            program: Program { steps: vec![Step::Text("sleep 600\n".into())], ..Program::default() },
            launch: self.mark.clone(),
            tags: Tags::new()
                .with(tags::RECIPE, &name.recipe)
                .with(tags::VERSION, name.version)
                .with(tags::ROLE, Role::Builder),
            security_groups: Vec::new(),
            public_ip: None,
            disks: Vec::new(),
        }
    }

    async fn running_builder(&self) -> Result<InstanceId, String> {
        let id = expect_ok("RunInstances", self.cloud().launch(&self.builder().await).await)?;
        self.wait_for_state(&id, InstanceState::Running).await?;
        Ok(id)
    }

    async fn instance(&self, id: &InstanceId) -> Result<Option<Instance>, String> {
        expect_ok("DescribeInstances", self.cloud().instance(&home(), id).await)
    }

    async fn wait_for_state(&self, id: &InstanceId, state: InstanceState) -> Checked {
        let mut last = None;
        for _ in 0..MOST_POLLS {
            last = self.instance(id).await?.map(|instance| instance.state);
            if last == Some(state) {
                return Ok(());
            }
            self.adapter.wait().await;
        }
        expect_eq("the instance's state", last, Some(state))
    }

    /// An image of a stopped builder, as CreateImage leaves it.
    async fn created_image(&self) -> Result<(InstanceId, ImageId), String> {
        let builder = self.running_builder().await?;
        expect_ok("StopInstances", self.cloud().stop(&home(), &builder).await)?;
        self.wait_for_state(&builder, InstanceState::Stopped).await?;
        let image = expect_ok("CreateImage", self.cloud().create_image(&self.new_image(&builder)).await)?;
        Ok((builder, image))
    }

    /// An image that is available, and its snapshots.
    async fn available_image(&self) -> Result<(ImageId, Vec<SnapshotId>), String> {
        let (_, id) = self.created_image().await?;
        let image = self.wait_until_available(&home(), &id).await?;
        Ok((id, image.snapshots))
    }

    fn new_image(&self, instance: &InstanceId) -> NewImage {
        NewImage {
            region: home(),
            instance: instance.clone(),
            name: self.name().to_string(),
            description: "a contract".into(),
            tags: self.record(None).write(),
            left_out: Vec::new(),
        }
    }

    fn new_replica(&self, image: &ImageId, attempt: &str) -> NewReplica {
        let origin = Origin { region: home(), image: image.clone() };
        NewReplica {
            region: west(),
            from: home(),
            image: image.clone(),
            name: self.name().to_string(),
            description: "a contract".into(),
            tags: self.record(Some(CopySource { origin, attempt: 1 })).write(),
            encryption: Encryption::AsSource,
            token: Token::of(&["contract", &self.mark, attempt]),
        }
    }

    async fn image(&self, region: &Region, id: &ImageId) -> Result<Image, String> {
        let found =
            expect_ok("DescribeImages", self.cloud().images(region, &ImageQuery::Id(id.clone())).await)?;
        found.into_iter().next().ok_or(format!("{id} is not described"))
    }

    async fn wait_until_available(&self, region: &Region, id: &ImageId) -> Result<Image, String> {
        for _ in 0..MOST_POLLS {
            let image = self.image(region, id).await?;
            if image.state == ImageState::Available {
                return Ok(image);
            }
            self.adapter.wait().await;
        }
        Err(format!("{id} does not become available"))
    }

    async fn snapshots_are_tagged(&self, image: &Image) -> Checked {
        expect_eq("whether it has snapshots", image.snapshots.is_empty(), false)?;
        let answer = expect_ok("DescribeSnapshots", self.cloud().snapshots(&image.region).await)?;
        for id in &image.snapshots {
            let snapshot = answer.iter().find(|snapshot| snapshot.id == *id);
            let version = snapshot.and_then(|snapshot| snapshot.tags.read(tags::VERSION));
            expect_eq("a snapshot's version", version, Some(self.name().version))?;
        }
        Ok(())
    }

    async fn builder_is_seen(&self) -> Checked {
        let new = self.builder().await;
        let id = expect_ok("RunInstances", self.cloud().launch(&new).await)?;
        let answer = expect_ok("DescribeInstances", self.cloud().instances(&home()).await)?;
        let found = answer.iter().find(|instance| instance.id == id).ok_or("it is not described")?;
        for (key, value) in new.tags.iter() {
            expect_eq(key, found.tags.get(key), Some(value))?;
        }
        expect_eq("its image", found.image.as_ref(), Some(&new.image))?;
        expect_eq("whether its token shows who launched it", found.seal, Seal::Valid)
    }

    async fn one_builder(&self) -> Checked {
        let new = self.builder().await;
        let first = expect_ok("RunInstances", self.cloud().launch(&new).await)?;
        let second = expect_ok("RunInstances", self.cloud().launch(&new).await)?;
        expect_eq("the second builder", second, first)
    }

    async fn token_is_spent(&self) -> Checked {
        let builder = self.running_builder().await?;
        expect_ok("TerminateInstances", self.cloud().terminate(&home(), &builder).await)?;
        self.wait_for_state(&builder, InstanceState::Terminated).await?;
        expect_error(
            "its token",
            self.cloud().launch(&self.builder().await).await,
            &[ErrorKind::InstanceTerminated],
        )
    }

    async fn image_is_described(&self) -> Checked {
        let (builder, id) = self.created_image().await?;
        let begun = self.image(&home(), &id).await?;
        expect_eq("its record at once", begun.record().ok(), Some(self.record(None)))?;
        let stopped = self.instance(&builder).await?.map(|instance| instance.stop_reason);
        expect_eq("who stopped its builder", stopped, Some(StopReason::Api))?;
        let image = self.wait_until_available(&home(), &id).await?;
        expect_eq("its instance", image.source_instance.as_ref(), Some(&builder))?;
        self.snapshots_are_tagged(&image).await
    }

    async fn name_is_taken(&self) -> Checked {
        let (builder, id) = self.created_image().await?;
        let again = self.cloud().create_image(&self.new_image(&builder)).await;
        expect_error("the second image of its name", again, &[ErrorKind::NameTaken])?;
        let named = ImageQuery::Named(self.name().to_string());
        let answer = expect_ok("DescribeImages", self.cloud().images(&home(), &named).await)?;
        expect_eq("the images of its name", answer.iter().map(|image| &image.id).collect(), vec![&id])
    }

    async fn image_needs_instance(&self) -> Checked {
        let builder = self.running_builder().await?;
        expect_ok("TerminateInstances", self.cloud().terminate(&home(), &builder).await)?;
        self.wait_for_state(&builder, InstanceState::Terminated).await?;
        let late = self.cloud().create_image(&self.new_image(&builder)).await;
        expect_error("an image of a terminated instance", late, &[ErrorKind::WrongState, ErrorKind::NotFound])
    }

    async fn copy_is_described(&self) -> Checked {
        let (_, image) = self.created_image().await?;
        let early = self.cloud().copy_image(&self.new_replica(&image, "early")).await;
        expect_error("a copy of what is not available", early, &[ErrorKind::WrongState, ErrorKind::Invalid])?;
        self.wait_until_available(&home(), &image).await?;
        let id = expect_ok("CopyImage", self.cloud().copy_image(&self.new_replica(&image, "1")).await)?;
        let copied = CopySource { origin: Origin { region: home(), image }, attempt: 1 };
        let replica = self.wait_until_available(&west(), &id).await?;
        expect_eq("its record", replica.record().ok(), Some(self.record(Some(copied.clone()))))?;
        expect_eq("its origin", replica.source_image.clone(), Some(copied.origin))?;
        expect_eq("its instance", replica.source_instance.clone(), None)?;
        self.snapshots_are_tagged(&replica).await
    }

    async fn one_copy(&self) -> Checked {
        let (_, image) = self.created_image().await?;
        self.wait_until_available(&home(), &image).await?;
        let copy = async |attempt| {
            expect_ok("CopyImage", self.cloud().copy_image(&self.new_replica(&image, attempt)).await)
        };
        let first = copy("1").await?;
        expect_eq("the copy of the same token", copy("1").await?, first.clone())?;
        let second = copy("2").await?;
        expect_eq("whether another token makes another copy", second != first, true)?;
        let name = self.name();
        let wanted = Tags::new().with(tags::RECIPE, &name.recipe).with(tags::VERSION, name.version);
        let answer =
            expect_ok("DescribeImages", self.cloud().images(&west(), &ImageQuery::Tagged(wanted)).await)?;
        expect_eq("how many copies bear the name", answer.len(), 2)
    }

    async fn token_is_refused(&self) -> Checked {
        let (_, image) = self.created_image().await?;
        self.wait_until_available(&home(), &image).await?;
        let new = self.new_replica(&image, "1");
        expect_ok("CopyImage", self.cloud().copy_image(&new).await)?;
        let other = NewReplica { name: format!("{}-b", new.name), ..new };
        expect_error(
            "another call with its token",
            self.cloud().copy_image(&other).await,
            &[ErrorKind::TokenUsed],
        )
    }

    async fn missing(&self) -> Checked {
        let image: ImageId = "ami-0123456789abcdef0".parse().unwrap();
        let instance: InstanceId = "i-0123456789abcdef0".parse().unwrap();
        expect_eq("a missing instance", self.instance(&instance).await?, None)?;
        let answer =
            expect_ok("DescribeImages", self.cloud().images(&home(), &ImageQuery::Id(image.clone())).await)?;
        expect_eq("a missing image", answer, Vec::new())?;
        expect_ok("TerminateInstances", self.cloud().terminate(&home(), &instance).await)?;
        let uses = expect_ok("DescribeInstances", self.cloud().instances_of(&home(), &[image]).await)?;
        expect_eq("the uses of a missing image", uses, Vec::new())
    }
}
