import django.db.models.deletion
import qrsessions.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('attendance', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='QRSession',
            fields=[
                ('meeting', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='session', serialize=False, to='attendance.meeting', verbose_name='meeting')),
                ('status', models.CharField(choices=[('created', 'joining is open'), ('locked', 'joining is locked'), ('active', 'taking attendance'), ('ended', 'ended')], default='created', max_length=10, verbose_name='status')),
                ('join_policy', models.CharField(choices=[('strict', 'only those who joined before the lock'), ('open', 'a scan joins and marks at once')], default='strict', max_length=10, verbose_name='join policy')),
                ('code_enabled', models.BooleanField(default=True, verbose_name='typed code')),
                ('secret', models.BinaryField(default=qrsessions.models.new_secret)),
                ('created_at', models.DateTimeField(verbose_name='opened')),
                ('locked_at', models.DateTimeField(blank=True, null=True, verbose_name='locked')),
                ('started_at', models.DateTimeField(blank=True, null=True, verbose_name='started')),
                ('opened_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='opened by')),
            ],
            options={
                'verbose_name': 'session',
                'verbose_name_plural': 'sessions',
                'ordering': ['-created_at', '-meeting_id'],
            },
        ),
        migrations.CreateModel(
            name='RefusedScan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scanned_at', models.DateTimeField(verbose_name='scanned')),
                ('method', models.CharField(choices=[('qr', 'QR code'), ('code', 'typed code'), ('claim', 'QR code before sign-in'), ('manual', 'by hand'), ('import', 'import'), ('end', 'end of session')], max_length=10, verbose_name='method')),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='refused_scans', to='qrsessions.qrsession', verbose_name='session')),
                ('student', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='attendance.student', verbose_name='student')),
            ],
            options={
                'verbose_name': 'refused scan',
                'verbose_name_plural': 'refused scans',
                'ordering': ['scanned_at'],
            },
        ),
        migrations.CreateModel(
            name='GroupSession',
            fields=[
                ('group', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='group_session', serialize=False, to='attendance.meetinggroup', verbose_name='group')),
                ('join_policy', models.CharField(choices=[('strict', 'only those who joined before the lock'), ('open', 'a scan joins and marks at once')], default='strict', max_length=10, verbose_name='join policy')),
                ('code_enabled', models.BooleanField(default=True, verbose_name='typed code')),
                ('secret', models.BinaryField(default=qrsessions.models.new_secret)),
                ('created_at', models.DateTimeField(verbose_name='opened')),
                ('opened_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='opened by')),
            ],
            options={
                'verbose_name': 'group session',
                'verbose_name_plural': 'group sessions',
                'ordering': ['-created_at'],
                'constraints': [models.CheckConstraint(condition=models.Q(('join_policy__in', ['strict', 'open'])), name='group_session_join_policy')],
            },
        ),
        migrations.AddConstraint(
            model_name='qrsession',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['created', 'locked', 'active', 'ended'])), name='session_status'),
        ),
        migrations.AddConstraint(
            model_name='qrsession',
            constraint=models.CheckConstraint(condition=models.Q(('join_policy__in', ['strict', 'open'])), name='session_join_policy'),
        ),
        migrations.AddConstraint(
            model_name='qrsession',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'active'), _negated=True), ('started_at__isnull', False), _connector='OR'), name='session_active_was_started'),
        ),
        migrations.AddConstraint(
            model_name='refusedscan',
            constraint=models.UniqueConstraint(fields=('session', 'student'), name='refused_scan_first_per_student'),
        ),
        migrations.AddConstraint(
            model_name='refusedscan',
            constraint=models.CheckConstraint(condition=models.Q(('method__in', ['qr', 'code', 'claim', 'manual', 'import', 'end'])), name='refused_scan_method'),
        ),
    ]
