"""Every word of Kiln's that the demo looks for, in one table: what is renamed there is renamed here, and
nowhere else in the demo."""

# The types of Kiln's events.
BAKE_STARTED = "Bake Started"
CAPTURED = "Image Captured"
VERIFIED = "Image Verified"
REJECTED = "Image Rejected"
PUBLISHED = "Image Published"
REPLICATED = "Image Replicated"
RELEASED = "Image Released"
ROLLED_BACK = "Image Rolled Back"
DEPRECATED = "Image Deprecated"
DISABLED = "Image Disabled"
DEREGISTERED = "Image Deregistered"
DRIFT_REPAIRED = "Drift Repaired"

# Tags, and what they say.
RECIPE_TAG = "kiln:recipe"
VERSION_TAG = "kiln:version"
STAGE_TAG = "kiln:stage"
ROLE_TAG = "kiln:role"
IMAGE_TAG = "kiln:image"
ZONE_TAG = "kiln:zone"
ORIGIN_TAG = "kiln:origin"
ATTEMPT_TAG = "kiln:attempt"
UNUSED_TAG = "kiln:unused-since"
DISABLED_TAG = "kiln:disabled-at"
STAGE_RELEASED = "released"
STAGE_REJECTED = "rejected"
STAGE_DISABLED = "disabled"
ROLE_BUILDER = "builder"
ROLE_TESTER = "tester"

# A decision in a function's log that changed nothing.
UNCHANGED = "unchanged"
