"""An independent opinion of what `expire` must plan.

`world` makes an account of many images from a seed, `snapshot` reads the whole account by boto3, and `rules`
says what the plan must say about each image, in the simplest possible way. `compare` lists where Kiln's plan
differs, and `verify_applied` where an account differs from the plan after it was carried out.

Nothing here uses Kiln's code. The rules are those of docs/concepts/what-keeps-an-image.md.
"""
