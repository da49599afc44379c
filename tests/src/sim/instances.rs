//! The port of builders and testers, over the in-memory account.

use kiln_core::inventory::{Architecture, Instance, InstanceState, InstanceType, NewInstance, Result};
use kiln_core::model::{ImageName, InstanceId, Region, Role, Tags, tags};
use kiln_engine::ports::Instances;

use super::account::{Account, seals};
use super::cloud::{CallKind, InMemoryCloud, failed};

impl Instances for InMemoryCloud {
    async fn instances(&self, region: &Region) -> Result<Vec<Instance>> {
        self.read("DescribeInstances", region, "instances", |account, at| {
            account.region(region).tagged_instances(at)
        })
        .await
    }

    async fn instance(&self, region: &Region, instance: &InstanceId) -> Result<Option<Instance>> {
        let look = |account: &mut Account, at| {
            let machine = account.region(region).machines.get(instance)?.at(at)?;
            Some(machine.instance.clone())
        };
        self.read("DescribeInstances", region, instance.as_str(), look).await
    }

    async fn launch(&self, new: &NewInstance) -> Result<InstanceId> {
        let effect = |account: &mut Account, now| {
            if self.world.chance(self.world.faults.get().no_room) {
                if new.role == Role::Builder {
                    self.world.invariants.borrow_mut().bake(&new.name).found_no_room = true;
                }
                return Err(failed(
                    "RunInstances",
                    new.instance_type.as_str(),
                    &new.region,
                    "InsufficientInstanceCapacity",
                ));
            }
            let before = account.created();
            let id = account.launch(new, seals().launch_token(new).as_str(), now)?;
            if account.created() != before {
                let name = ImageName {
                    recipe: new.tags.read(tags::RECIPE).unwrap(),
                    version: new.tags.read(tags::VERSION).unwrap(),
                };
                let mut invariants = self.world.invariants.borrow_mut();
                let role = match new.tags.read(tags::ROLE) {
                    Some(Role::Tester) => {
                        invariants.tester_launched(account, new, &id, now);
                        Role::Tester
                    }
                    _ => {
                        invariants.builder_launched(account, self.invocation(), new, &id, &name);
                        Role::Builder
                    }
                };
                self.world.begin_machine(&new.region, &id, &name, role);
            }
            Ok(id)
        };
        self.call(CallKind::Change, "RunInstances", &new.region, &new.instance_type, effect).await
    }

    async fn stop(&self, region: &Region, instance: &InstanceId) -> Result<()> {
        let effect = |account: &mut Account, now| match account.region(region).state(instance) {
            Some(InstanceState::Running) => {
                self.world.invariants.borrow_mut().builder_stop_requested(account, region, instance);
                account.region(region).set_state(instance, now, InstanceState::Stopping);
                self.world.begin_stopping(region, instance);
                Ok(())
            }
            Some(InstanceState::Stopping | InstanceState::Stopped) => Ok(()),
            _ => Err(failed("StopInstances", instance.as_str(), region, "IncorrectInstanceState")),
        };
        self.call(CallKind::Change, "StopInstances", region, instance.as_str(), effect).await
    }

    async fn start(&self, region: &Region, instance: &InstanceId) -> Result<()> {
        let effect = |account: &mut Account, now| match account.region(region).state(instance) {
            Some(InstanceState::Stopped) => {
                self.world.invariants.borrow_mut().changes += 1;
                account.region(region).set_state(instance, now, InstanceState::Pending);
                self.world.begin_starting(region, instance);
                Ok(())
            }
            Some(InstanceState::Running | InstanceState::Pending) => Ok(()),
            _ => Err(failed("StartInstances", instance.as_str(), region, "IncorrectInstanceState")),
        };
        self.call(CallKind::Change, "StartInstances", region, instance.as_str(), effect).await
    }

    async fn terminate(&self, region: &Region, instance: &InstanceId) -> Result<()> {
        let effect = |account: &mut Account, now| {
            let ec2 = account.region(region);
            if !self.known(ec2.machines.get(instance))
                || ec2.state(instance) == Some(InstanceState::Terminated)
            {
                return Ok(());
            }
            self.world.invariants.borrow_mut().builder_terminated(account, region, instance, now);
            account.region(region).set_state(instance, now, InstanceState::Terminated);
            Ok(())
        };
        self.call(CallKind::Change, "TerminateInstances", region, instance.as_str(), effect).await
    }

    async fn tag_for_bake(
        &self,
        region: &Region,
        instance: &InstanceId,
        bake: &ImageName,
        tags: &Tags,
    ) -> Result<()> {
        self.tag_instance(region, instance, &seals().tags_of_bake(region, instance, bake, tags)).await
    }

    async fn verdict_words(&self, role: Role, bake: &ImageName) -> Result<Vec<String>> {
        Ok(seals().verdict_words(role, bake))
    }

    async fn tag_instance(&self, region: &Region, instance: &InstanceId, tags: &Tags) -> Result<()> {
        let effect = |account: &mut Account, now| {
            self.world.invariants.borrow_mut().changes += 1;
            account.region(region).tag_instance(instance, tags, &[], now);
            Ok(())
        };
        self.call(CallKind::Change, "CreateTags", region, instance.as_str(), effect).await
    }

    async fn untag_instance(&self, region: &Region, instance: &InstanceId, keys: &[&str]) -> Result<()> {
        let effect = |account: &mut Account, now| {
            self.world.invariants.borrow_mut().changes += 1;
            account.region(region).tag_instance(instance, &Tags::new(), keys, now);
            Ok(())
        };
        self.call(CallKind::Change, "DeleteTags", region, instance.as_str(), effect).await
    }

    async fn console(&self, region: &Region, instance: &InstanceId) -> Result<String> {
        let look = |account: &mut Account, at| {
            let machine = account.region(region).machines.get(instance).and_then(|history| history.at(at));
            machine.map(|machine| machine.console.clone()).unwrap_or_default()
        };
        self.read("GetConsoleOutput", region, instance.as_str(), look).await
    }

    async fn instance_type(&self, region: &Region, name: &str) -> Result<InstanceType> {
        let arm64 =
            || InstanceType { architectures: vec![Architecture("arm64".into())], ..InstanceType::default() };
        self.read("DescribeInstanceTypes", region, name, |_, _| arm64()).await
    }
}
