"""The one error tree: every class is a sentence, and where it can, the remedy.

A class's docstring is its default message, so that an error raised bare still tells the operator what to do.
"""


class MedevacError(Exception):
    """Something in medevac failed."""

    def __init__(self, message: str | None = None) -> None:
        """Take *message*, or the class's own sentence when there is none."""
        super().__init__(message or (type(self).__doc__ or "").strip().split("\n\n", maxsplit=1)[0])


class MalformedDocumentError(MedevacError):
    """A stored document could not be read back: it is not what this version of medevac writes."""


class UnreachableError(MedevacError):
    """Somebody did not answer. What was asked may be asked again."""


class StoreUnreachableError(UnreachableError):
    """ZooKeeper did not answer in time. Check that its servers run and that --zookeeper names them."""


class IntakeMissingError(StoreUnreachableError):
    """ZooKeeper answered, but takes no events there: start a worker once, or mend the path behind the address."""


class SpoolError(MedevacError):
    """The spool folder cannot be used. It must be a folder that the alert agent's user owns, mode 0700."""


class ClaimLostError(MedevacError):
    """Another conductor has claimed this job since: this one stops and touches nothing more."""


class CloudError(MedevacError):
    """The cloud refused a call."""


class CloudNotConfiguredError(CloudError):
    """No cloud is configured. Set OS_CLOUD to a name in clouds.yaml, or the OS_* variables (source your openrc)."""


class CloudUnavailableError(CloudError, UnreachableError):
    """The cloud did not answer, and the call was certainly not carried out or is safe to repeat."""


class OutcomeUnknownError(CloudError):
    """The call may have been carried out: its answer never came. Look before it is repeated."""


class RefusedError(CloudError):
    """The cloud understood the call and refused it (400 or 403): repeating it as it is will not help."""


class ConflictError(CloudError):
    """The subject is in a state in which the cloud does not allow this call (409)."""


class NotFoundError(CloudError):
    """The cloud does not know this subject (404)."""


class CellDownError(CloudError):
    """Nova cannot reach the cell of this host: an empty answer would not mean that the host is empty."""


class FencingError(MedevacError):
    """The fence device could not be asked, or it refused."""


class NoEvidenceError(MedevacError):
    """There is no evidence that this host is off, so nothing on it may be started elsewhere."""


class HostReturnedError(MedevacError):
    """The host works again since it was fenced: what it runs now must not be started elsewhere."""


class HypervisorUnavailableError(MedevacError):
    """The hypervisor did not answer or refused: whether its guests run is unknown, and that is no evidence."""


class NoHypervisorError(HypervisorUnavailableError):
    """The worker does not know how to reach any hypervisor: set 'hypervisor' in medevac.yaml."""


class ServiceControlError(MedevacError):
    """The cluster manager did not take the order, or does not say how the service is."""


class NotificationError(MedevacError):
    """A message did not go out."""
