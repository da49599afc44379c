"""EC2's errors, with AWS's codes and messages."""

from __future__ import annotations

from moto.ec2.exceptions import EC2ClientError


def error(code: str, message: str) -> EC2ClientError:
    return EC2ClientError(code, message)


def image_not_found(image_ids: list[str]) -> EC2ClientError:
    plural, verb = ("ids", "do") if len(image_ids) > 1 else ("id", "does")
    text = f"The image {plural} '[{', '.join(image_ids)}]' {verb} not exist"
    return error("InvalidAMIID.NotFound", text)


def image_malformed(image_id: str) -> EC2ClientError:
    return error("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')


def image_unavailable(image_id: str, state: str) -> EC2ClientError:
    return error("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is no longer available ({state})")


def instance_not_found(instance_ids: list[str]) -> EC2ClientError:
    plural, verb = ("IDs", "do") if len(instance_ids) > 1 else ("ID", "does")
    text = f"The instance {plural} '{', '.join(instance_ids)}' {verb} not exist"
    return error("InvalidInstanceID.NotFound", text)


def instance_state(instance_id: str, verb: str) -> EC2ClientError:
    text = f"The instance '{instance_id}' is not in a state from which it can be {verb}."
    return error("IncorrectInstanceState", text)


def snapshot_not_found(snapshot_id: str) -> EC2ClientError:
    return error("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")


def volume_not_found(volume_id: str) -> EC2ClientError:
    return error("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")


def report_not_found(report_id: str) -> EC2ClientError:
    """The code of EC2 for an unknown image usage report is not documented; this one is a guess."""
    text = f"The image usage report '{report_id}' does not exist"
    return error("InvalidImageUsageReportId.NotFound", text)


def bad_value(text: str) -> EC2ClientError:
    return error("InvalidParameterValue", text)


def bad_combination(text: str) -> EC2ClientError:
    return error("InvalidParameterCombination", text)


def missing(parameter: str) -> EC2ClientError:
    return error("MissingParameter", f"The request must contain the parameter {parameter}")


def token_mismatch(token: str) -> EC2ClientError:
    text = f"The client token '{token}' was used before with other parameters"
    return error("IdempotentParameterMismatch", text)
