"""An independent opinion of what `expire` must plan.

`world` makes an account of many images from a seed, `seen` reads all of it by boto3, and `rules` says of each
image what must become of it, in the plainest way there is. `compare` tells where a plan of Kiln's says
something else, and `after` where an account is not as a plan has said.

Nothing here knows Kiln's code: the rules are those of docs/concepts/what-keeps-an-image.md.
"""
