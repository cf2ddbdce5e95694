"""Library strings that we translate ourselves, because not every library has every language.

Listing them here puts them into the catalogues in ``locale/``, which take precedence over the libraries' own.
"""

from django.utils.translation import gettext_noop as _
from django.utils.translation import ngettext_lazy

TEXTS = [
    # Signing in: allauth
    _("Password"),
    _("Password (again)"),
    _("Current Password"),
    _("New Password"),
    _("New Password (again)"),
    _("Code"),
    _("You must type the same password each time."),
    _("Please type your current password."),
    _("Incorrect password."),
    _("This account is currently inactive."),
    _("Be patient, you are sending too many requests."),
    # Choosing a password: Django
    _("The password is too similar to the %(verbose_name)s."),
    _("Your password can’t be too similar to your other personal information."),
    _("This password is too common."),
    _("Your password can’t be a commonly used password."),
    _("This password is entirely numeric."),
    _("Your password can’t be entirely numeric."),
    ngettext_lazy(
        "This password is too short. It must contain at least %d character.",
        "This password is too short. It must contain at least %d characters.",
        2,
    ),
    # Forms: Django
    _("This field is required."),
    _("Enter a valid email address."),
    _("Enter a whole number."),
    _("Ensure this value is less than or equal to %(limit_value)s."),
    _("Ensure this value is greater than or equal to %(limit_value)s."),
    _("Select a valid choice. That choice is not one of the available choices."),
    _("Select a valid choice. %(value)s is not one of the available choices."),
    # The admin: Django
    _("Select %s to view"),
    _("Select %s to change"),
    _("View %s"),
    _("Change %s"),
    _("Add %s"),
    _("View"),
    _("View site"),
    _("Recent actions"),
    _("My actions"),
    # The API: Django REST framework
    _("Authentication credentials were not provided."),
    _("You do not have permission to perform this action."),
    _("Not found."),
    _("Malformed request."),
    _('Method "{method}" not allowed.'),
    _('Unsupported media type "{media_type}" in request.'),
    _("This field may not be blank."),
    _("This field may not be null."),
    _("Ensure this field has no more than {max_length} characters."),
    _("A valid integer is required."),
    _("Must be a valid boolean."),
    _("Not a valid string."),
    _("Ensure this value is less than or equal to {max_value}."),
    _("Ensure this value is greater than or equal to {min_value}."),
    _('"{input}" is not a valid choice.'),
]
