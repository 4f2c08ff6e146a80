"""The site's fence devices, driven through agents of the fence-agents family (fence_ipmilan, fence_redfish, ...)."""
