import attendance.models.public_ids
import django.contrib.auth.models
import django.contrib.auth.validators
import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        # Exclusion constraints compare ids and texts beside ranges.
        BtreeGistExtension(),
        migrations.CreateModel(
            name='RosterEntry',
            fields=[
                ('pk', models.CompositePrimaryKey('meeting_id', 'student_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('roll_number', models.CharField(max_length=100)),
                ('enrolled', models.BooleanField()),
                ('counts', models.BooleanField()),
            ],
            options={
                'verbose_name': 'roster entry',
                'verbose_name_plural': 'roster entries',
                'db_table': 'attendance_roster',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='Meeting',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=attendance.models.public_ids.new_meeting_id, editable=False, max_length=8, unique=True, verbose_name='id')),
                ('starts_at', models.DateTimeField(verbose_name='starts')),
                ('date', models.DateField(verbose_name='date')),
                ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended')),
            ],
            options={
                'verbose_name': 'meeting',
                'verbose_name_plural': 'meetings',
                'ordering': ['-starts_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('username', models.CharField(error_messages={'unique': 'A user with that username already exists.'}, help_text='Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.', max_length=150, unique=True, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='email address')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('is_teacher', models.BooleanField(default=False, help_text='May open sessions for the sections taught.', verbose_name='teacher')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'abstract': False,
            },
            managers=[
                ('objects', django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name='Course',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=50, unique=True, verbose_name='code')),
                ('title', models.CharField(max_length=300, verbose_name='title')),
            ],
            options={
                'verbose_name': 'course',
                'verbose_name_plural': 'courses',
                'ordering': ['code'],
                'constraints': [models.CheckConstraint(condition=models.Q(('code', ''), _negated=True), name='course_code_not_empty')],
            },
        ),
        migrations.CreateModel(
            name='AttendanceRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('roll_number', models.CharField(help_text='As it was at the time.', max_length=100, verbose_name='roll number')),
                ('joined_at', models.DateTimeField(blank=True, null=True, verbose_name='joined')),
                ('marked_at', models.DateTimeField(blank=True, null=True, verbose_name='marked')),
                ('status', models.CharField(blank=True, choices=[('present', 'present'), ('late', 'late'), ('excused', 'excused'), ('absent', 'absent')], max_length=10, null=True, verbose_name='status')),
                ('method', models.CharField(blank=True, choices=[('qr', 'QR code'), ('code', 'typed code'), ('claim', 'QR code before sign-in'), ('manual', 'by hand'), ('import', 'import'), ('end', 'end of session')], max_length=10, null=True, verbose_name='method')),
                ('device', models.CharField(blank=True, max_length=64, verbose_name='device')),
                ('claim_nonce', models.CharField(blank=True, editable=False, max_length=32, null=True, unique=True)),
                ('marked_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='marked by')),
                ('meeting', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='records', to='attendance.meeting', verbose_name='meeting')),
            ],
            options={
                'verbose_name': 'attendance record',
                'verbose_name_plural': 'attendance records',
            },
        ),
        migrations.CreateModel(
            name='MeetingGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(default=attendance.models.public_ids.new_group_id, editable=False, max_length=8, unique=True, verbose_name='id')),
                ('title', models.CharField(blank=True, max_length=200, verbose_name='title')),
                ('created_at', models.DateTimeField(verbose_name='created')),
            ],
            options={
                'verbose_name': 'meeting group',
                'verbose_name_plural': 'meeting groups',
                'ordering': ['-created_at'],
                'constraints': [models.CheckConstraint(condition=models.Q(('public_id__regex', '^G[0-9A-HJKMNP-TV-Z]{7}$')), name='meeting_group_public_id')],
            },
        ),
        migrations.AddField(
            model_name='meeting',
            name='group',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='meetings', to='attendance.meetinggroup', verbose_name='group'),
        ),
        migrations.CreateModel(
            name='RecordChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('changed_at', models.DateTimeField(verbose_name='changed')),
                ('from_status', models.CharField(choices=[('present', 'present'), ('late', 'late'), ('excused', 'excused'), ('absent', 'absent')], max_length=10, null=True, verbose_name='from')),
                ('from_method', models.CharField(choices=[('qr', 'QR code'), ('code', 'typed code'), ('claim', 'QR code before sign-in'), ('manual', 'by hand'), ('import', 'import'), ('end', 'end of session')], max_length=10, null=True, verbose_name='from method')),
                ('from_marked_at', models.DateTimeField(null=True, verbose_name='marked before')),
                ('to_status', models.CharField(choices=[('present', 'present'), ('late', 'late'), ('excused', 'excused'), ('absent', 'absent')], max_length=10, null=True, verbose_name='to')),
                ('to_method', models.CharField(choices=[('qr', 'QR code'), ('code', 'typed code'), ('claim', 'QR code before sign-in'), ('manual', 'by hand'), ('import', 'import'), ('end', 'end of session')], max_length=10, null=True, verbose_name='to method')),
                ('note', models.CharField(blank=True, max_length=500, verbose_name='why')),
                ('changed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='changed by')),
                ('record', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='attendance.attendancerecord', verbose_name='record')),
            ],
            options={
                'verbose_name': 'change of a record',
                'verbose_name_plural': 'changes of records',
                'ordering': ['-changed_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='Section',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, verbose_name='section')),
                ('term', models.CharField(blank=True, max_length=100, verbose_name='term')),
                ('external_id', models.CharField(blank=True, help_text='The id under which a student information system knows the section.', max_length=200, verbose_name='external id')),
                ('course', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sections', to='attendance.course', verbose_name='course')),
                ('teachers', models.ManyToManyField(blank=True, limit_choices_to={'is_teacher': True}, related_name='sections', to=settings.AUTH_USER_MODEL, verbose_name='teachers')),
            ],
            options={
                'verbose_name': 'section',
                'verbose_name_plural': 'sections',
                'ordering': ['course__code', 'name', '-term'],
            },
        ),
        migrations.AddField(
            model_name='meeting',
            name='section',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='meetings', to='attendance.section', verbose_name='section'),
        ),
        migrations.CreateModel(
            name='Student',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('student_id', models.CharField(max_length=100, unique=True, verbose_name='student id')),
                ('name', models.CharField(max_length=300, verbose_name='name')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='e-mail')),
                ('user', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='student', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'student',
                'verbose_name_plural': 'students',
                'ordering': ['name', 'student_id'],
            },
        ),
        migrations.CreateModel(
            name='GroupSeat',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('meeting', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='attendance.meeting', verbose_name='meeting')),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='seats', to='attendance.meetinggroup', verbose_name='group')),
                ('student', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='attendance.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'seat in a group',
                'verbose_name_plural': 'seats in a group',
            },
        ),
        migrations.CreateModel(
            name='Enrolment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('roll_number', models.CharField(help_text='Kept as given: “07” is not “7”.', max_length=100, verbose_name='roll number')),
                ('from_date', models.DateField(verbose_name='from')),
                ('to_date', models.DateField(blank=True, help_text='The first day on which it no longer holds.', null=True, verbose_name='to')),
                ('section', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='enrolments', to='attendance.section', verbose_name='section')),
                ('student', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='enrolments', to='attendance.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'enrolment',
                'verbose_name_plural': 'enrolments',
                'ordering': ['section', 'roll_number'],
            },
        ),
        migrations.AddField(
            model_name='attendancerecord',
            name='student',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='records', to='attendance.student', verbose_name='student'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('email'), condition=models.Q(('email', ''), _negated=True), name='user_email_unique'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('username'), name='user_username_unique'),
        ),
        migrations.AddConstraint(
            model_name='section',
            constraint=models.UniqueConstraint(fields=('course', 'name', 'term'), name='section_unique'),
        ),
        migrations.AddConstraint(
            model_name='section',
            constraint=models.UniqueConstraint(condition=models.Q(('external_id', ''), _negated=True), fields=('external_id',), name='section_external_id_unique'),
        ),
        migrations.AddConstraint(
            model_name='section',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='section_name_not_empty'),
        ),
        migrations.AddConstraint(
            model_name='meeting',
            constraint=models.CheckConstraint(condition=models.Q(('public_id__regex', '^[0-9A-FHJKMNP-TV-Z][0-9A-HJKMNP-TV-Z]{7}$')), name='meeting_public_id'),
        ),
        migrations.AddConstraint(
            model_name='meeting',
            constraint=models.CheckConstraint(condition=models.Q(('ended_at__gte', models.F('starts_at'))), name='meeting_ends_after_start'),
        ),
        migrations.AddConstraint(
            model_name='meeting',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('section',), name='meeting_one_open_per_section', violation_error_message='The section already has a session that has not ended.'),
        ),
        migrations.AddConstraint(
            model_name='meeting',
            constraint=models.UniqueConstraint(fields=('group', 'section'), name='meeting_section_once_per_group'),
        ),
        migrations.AddConstraint(
            model_name='student',
            constraint=models.CheckConstraint(condition=models.Q(('student_id', ''), _negated=True), name='student_id_not_empty'),
        ),
        migrations.AddConstraint(
            model_name='groupseat',
            constraint=models.UniqueConstraint(fields=('group', 'student'), name='group_seat_one_per_student'),
        ),
        migrations.AddConstraint(
            model_name='enrolment',
            constraint=models.CheckConstraint(condition=models.Q(('roll_number', ''), _negated=True), name='enrolment_roll_number_not_empty'),
        ),
        migrations.AddConstraint(
            model_name='enrolment',
            constraint=models.CheckConstraint(condition=models.Q(('to_date__gte', models.F('from_date'))), name='enrolment_from_before_to'),
        ),
        migrations.AddConstraint(
            model_name='enrolment',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('section', '='), ('student', '='), (models.Func(models.F('from_date'), models.F('to_date'), django.contrib.postgres.fields.ranges.RangeBoundary(), function='daterange', output_field=django.contrib.postgres.fields.ranges.DateRangeField()), '&&')], name='enrolment_student_once_a_day', violation_error_message='This student is already enrolled in the section on some of these days.'),
        ),
        migrations.AddConstraint(
            model_name='enrolment',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('section', '='), ('roll_number', '='), (models.Func(models.F('from_date'), models.F('to_date'), django.contrib.postgres.fields.ranges.RangeBoundary(), function='daterange', output_field=django.contrib.postgres.fields.ranges.DateRangeField()), '&&')], name='enrolment_roll_number_once_a_day', violation_error_message='Another student has this roll number in the section on some of these days.'),
        ),
        migrations.AddConstraint(
            model_name='attendancerecord',
            constraint=models.UniqueConstraint(fields=('meeting', 'student'), name='record_one_per_student'),
        ),
        migrations.AddConstraint(
            model_name='attendancerecord',
            constraint=models.UniqueConstraint(fields=('meeting', 'roll_number'), name='record_one_per_roll_number'),
        ),
        migrations.AddConstraint(
            model_name='attendancerecord',
            constraint=models.CheckConstraint(condition=models.Q(('roll_number', ''), _negated=True), name='record_roll_number_not_empty'),
        ),
        migrations.AddConstraint(
            model_name='attendancerecord',
            constraint=models.CheckConstraint(condition=models.Q(('status', None), ('status__in', ['present', 'late', 'excused', 'absent']), _connector='OR'), name='record_status'),
        ),
        migrations.AddConstraint(
            model_name='attendancerecord',
            constraint=models.CheckConstraint(condition=models.Q(('method', None), ('method__in', ['qr', 'code', 'claim', 'manual', 'import', 'end']), _connector='OR'), name='record_method'),
        ),
        migrations.AddConstraint(
            model_name='attendancerecord',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('marked_at', None), ('marked_by', None), ('method', None), ('status', None)), models.Q(('marked_at__isnull', False), ('method__isnull', False), ('status__isnull', False)), _connector='OR'), name='record_marked_whole'),
        ),
    ]
