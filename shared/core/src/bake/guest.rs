//! Whether what a recipe runs fits the operating system of its base.

use crate::inventory::{Image, Platform};
use crate::model::program::Step;
use crate::model::user_data::MOST_BYTES;
use crate::model::{ImageName, Role, windows};
use crate::plan::reason::Problem;
use crate::recipe::Recipe;

/// The files that run on Windows, and on Linux only by an interpreter of their own.
const OF_WINDOWS: [&str; 4] = [".ps1", ".cmd", ".bat", ".exe"];

/// What makes the recipe's scripts fail on the base. Nothing of it needs to be launched to be known.
pub(super) fn problems(recipe: &Recipe, base: &Image, name: &ImageName) -> Vec<Problem> {
    let platform = base.features.platform;
    let of_role = |role: Role| {
        let program = recipe.program(role);
        let table = if role == Role::Builder { "bake" } else { "verify" };
        let strange = program.steps.iter().enumerate().filter_map(|(at, step)| {
            let field = match step {
                Step::Text(_) => format!("{table}.script"),
                _ => format!("{table}.steps[{at}]"),
            };
            let why = strange(step, platform)?;
            Some(Problem::WrongScript { image: base.id.clone(), platform, field, why })
        });
        let mut found: Vec<Problem> = strange.collect();
        let bytes = (platform == Platform::Windows).then(|| windows::most_bytes(role, name, &program));
        if let Some(bytes) = bytes.filter(|bytes| *bytes > MOST_BYTES) {
            found.push(Problem::TooMuchUserData { field: table, bytes, most: MOST_BYTES });
        }
        found
    };
    [Role::Builder, Role::Tester].into_iter().flat_map(of_role).collect()
}

/// Why a step does not run on a platform; `None` if it may.
fn strange(step: &Step, platform: Platform) -> Option<String> {
    match (step, platform) {
        (Step::Text(text), Platform::Windows) => {
            let interpreter = text.strip_prefix("#!")?.lines().next().unwrap_or_default().trim();
            let powershell = ["pwsh", "powershell"].iter().any(|one| interpreter.contains(one));
            (!powershell).then(|| format!("begins with #!{interpreter}; write it in PowerShell"))
        }
        (Step::File(path), Platform::Windows) if !is_of_windows(path) => {
            Some(format!("is {path}; name a file that ends in {}", OF_WINDOWS.join(", ")))
        }
        (Step::File(path), Platform::Linux) if is_of_windows(path) => Some(format!(
            "is {path}; write it for a shell, or name it without that ending if it begins with #!"
        )),
        _ => None,
    }
}

fn is_of_windows(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    OF_WINDOWS.iter().any(|ending| path.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;
    use crate::inventory::Features;

    fn told(platform: Platform, steps: &[Step]) -> Vec<String> {
        let mut recipe = recipe("web");
        recipe.bake.steps = steps.to_vec();
        let base =
            Image { features: Features { platform, ..Features::default() }, ..foreign_image("ami-ba5e") };
        problems(&recipe, &base, &name("web", 9)).iter().map(ToString::to_string).collect()
    }

    fn file(path: &str) -> Step {
        Step::File(path.into())
    }

    fn text(text: &str) -> Step {
        Step::Text(text.into())
    }

    #[test]
    fn powershell_and_what_windows_starts_fit_windows() {
        let all = [file("s/a.ps1"), Step::Reboot, file("s/b.CMD"), file("s/c.exe")];
        assert!(told(Platform::Windows, &all).is_empty());
        for script in ["Install-WindowsFeature Web-Server", "#!/usr/bin/env pwsh\nexit 0", "#! powershell"] {
            assert!(told(Platform::Windows, &[text(script)]).is_empty(), "{script}");
        }
    }

    #[test]
    fn each_step_that_is_of_another_platform_is_told_with_its_field() {
        let steps = [file("s/a.ps1"), file("s/b.sh"), file("s/c")];
        let on_windows = told(Platform::Windows, &steps);
        assert_eq!(on_windows.len(), 2, "{on_windows:?}");
        assert!(
            on_windows[0].starts_with("the base ami-ba5e runs Windows, but bake.steps[1] is s/b.sh; name")
        );
        assert!(on_windows[1].contains("bake.steps[2] is s/c;"));
        let on_linux = told(Platform::Linux, &steps);
        assert_eq!(on_linux.len(), 1, "{on_linux:?}");
        assert!(on_linux[0].contains("runs Linux, but bake.steps[0] is s/a.ps1; write it for a shell"));
        let shell = told(Platform::Windows, &[text("#!/bin/sh\r\ntrue")]);
        assert!(shell[0].contains("bake.script begins with #!/bin/sh; write it in PowerShell"), "{shell:?}");
        assert!(told(Platform::Linux, &[text("#!/bin/sh\ntrue")]).is_empty());
    }

    #[test]
    fn user_data_that_windows_would_not_get_whole_is_told() {
        let long = text(&"é".repeat(4_500));
        assert!(told(Platform::Linux, std::slice::from_ref(&long)).is_empty());
        let told = told(Platform::Windows, &[long]);
        assert!(
            told[0].contains("what bake needs is up to ") && told[0].contains("of which EC2 takes 16384"),
            "{told:?}"
        );
    }
}
