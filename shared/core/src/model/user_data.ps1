<powershell>
# Kiln, @role@ of @name@: runs the recipe's steps once, says on the serial port how they ended, powers off.
#
# The agent runs it once on the first boot. It hands over to a task of its own, which runs as SYSTEM once the agent is
# done, and again after a restart. So a restart goes on, and EC2Launch may generalise the machine at the end.
$kiln = {
param([string] $doing, [string] $what)
# A step, in a PowerShell of its own, which knows nothing of what stands below.
if ($doing -eq 'step') {
  $ErrorActionPreference = 'Stop'
  $global:LASTEXITCODE = 0
  & $what
  exit $LASTEXITCODE
}
$role = '@role@'
$word = '@word@'
$steps = @('@steps@' -split ' ' | Where-Object { $_ })
#[log]
# Where the log is put; signed for this launch.
$link = '@log@'
# What tells its verdict from that of another launch.
$launch = '@launch@'
#[]
$agent = "$env:ProgramFiles\Amazon\EC2Launch\EC2Launch.exe"
# What outlives a restart: this script, the recipe's folder, the log, and which step is next. Each machine has a place of
# its own, in case someone makes an image of it.
$all = "$env:ProgramData\Kiln"
$machine = (Get-CimInstance Win32_ComputerSystemProduct).UUID
$kept = "$all\$machine"
$task = "Kiln-$machine"
$how = '-NoProfile -NonInteractive -ExecutionPolicy Bypass'
$ProgressPreference = 'SilentlyContinue'
$script:port = $null
#[log]
$script:sender = $null
#[]

# EC2 shows what is written to the first serial port.
function Write-Port([string] $text, [int] $tries) {
  foreach ($try in 1..$tries) {
    try {
      if (-not $script:port) {
        $script:port = New-Object System.IO.Ports.SerialPort 'COM1', 115200
        $script:port.WriteTimeout = 10000
        $script:port.Open()
      }
      $script:port.Write($text)
      return
    } catch {
      Close-Port
      if ($try -lt $tries) { Start-Sleep 1 }
    }
  }
}

# Whoever else writes to the port can have it.
function Close-Port {
  if ($script:port) { $script:port.Dispose() }
  $script:port = $null
}

function Write-Line([string] $text) {
  if (Test-Path $kept) { Add-Content "$kept\log" $text -Encoding UTF8 }
  Write-Port "$text`r`n" 1
}

function Say([string] $text) {
  if (Test-Path $kept) { Add-Content "$kept\log" "`r`n$text" -Encoding UTF8 }
  Write-Port "`r`n$text`r`n" 30
}

# User data hands over to the task.
function Install([string] $frame) {
  if (Test-Path $kept) { return }
  try {
    $null = New-Item $kept -ItemType Directory -Force -ErrorAction Stop
    $null = icacls.exe $kept /inheritance:r /grant '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F'
    Set-Content "$kept\kiln.ps1" $frame -Encoding UTF8 -ErrorAction Stop
    $action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument "$how -File $kept\kiln.ps1"
    $start = New-ScheduledTaskTrigger -AtStartup
    $settings = New-ScheduledTaskSettingsSet -ExecutionTimeLimit ([TimeSpan]::Zero) -Priority 4
    $null = Register-ScheduledTask $task -User SYSTEM -RunLevel Highest -Action $action -Trigger $start -Settings $settings -ErrorAction Stop
    Start-ScheduledTask $task -ErrorAction Stop
  } catch {
    Cannot "the task that runs the steps could not be made: $_"
  }
}

# Nothing ran, and nothing will.
function Cannot([string] $why) {
  Say "kiln-script $word begins"
  Say "kiln: $why"
  Finish 125
}

# What the steps need from elsewhere.
function Get-Needed {
  if ($role -eq 'builder' -and -not (Test-Path $agent)) {
    Cannot "the base has no EC2Launch v2, which generalises it: there is no $agent"
  }
@bring@
}

#[fetch]
# The recipe's folder, of the archive at $from.
function Expand-Folder([string] $from, [string] $digest) {
  $null = New-Item "$kept\folder" -ItemType Directory -Force
  Get-File $from "$kept\archive" $digest "the archive of the recipe's folder"
  $why = & tar.exe -xzf "$kept\archive" -C "$kept\folder" 2>&1
  if ($LASTEXITCODE -ne 0) { Cannot "the recipe's folder cannot be unpacked: $why" }
  Remove-Item "$kept\archive"
}

# The network may need a moment. A URL is signed: nothing may print it. What brings no byte in 12 seconds is given up.
function Get-File([string] $from, [string] $to, [string] $digest, [string] $name) {
  $until = (Get-Date).AddSeconds(40)
  while ($true) {
    $why = & curl.exe -fsS --ssl-no-revoke --connect-timeout 5 -y 12 -o $to $from 2>&1
    if ($LASTEXITCODE -eq 0) { break }
    if ((Get-Date) -gt $until) { Cannot "$name cannot be fetched: $why" }
    Start-Sleep 2
  }
  $found = (Get-FileHash $to -Algorithm SHA256).Hash.ToLower()
  if ($found -ne $digest) { Cannot "$name is not what the recipe names: its SHA-256 is $found, not $digest" }
}

#[log]
# The whole log, beside the console, which shows its end alone. It is sent while the steps run: they may hang.
function Send-Log {
  & curl.exe -fsS --ssl-no-revoke --connect-timeout 5 --max-time 45 -T "$kept\log" $link 2>&1
}

# The end of the log is the verdict beside the serial port, of which EC2 may show nothing. No file of it stays behind.
function Send-Verdict([int] $status) {
  $file = "$env:SystemRoot\Temp\$task.log"
  Set-Content $file "$whole`r`nkiln-verdict $launch $status" -Encoding UTF8
  foreach ($try in 1..3) {
    $why = & curl.exe -fsS --ssl-no-revoke --connect-timeout 5 --max-time 45 -T $file $link 2>&1
    if ($LASTEXITCODE -eq 0) { break }
  }
  if ($LASTEXITCODE -ne 0) { Say "kiln: the log could not be kept: $why" }
  Remove-Item $file -Force -ErrorAction SilentlyContinue
}

#[reboot]
function Restart {
  Set-Content "$kept\restarting" $number -ErrorAction Stop
  if ($link) { $null = Send-Log }
  Restart-Computer -Force
  exit
}

#[]
function Start-Steps {
  # Someone made an image of a builder, and this is another machine.
  if ($PSScriptRoot -ne $kept) { exit }
  $begun = Get-Date
  # The agent is at work at each start, and then done.
  while ((Get-Service '*EC2Launch*' | Where-Object Status -eq Running) -and (Get-Date) -lt $begun.AddMinutes(5)) {
    Start-Sleep 2
  }
  $past = 0
  if (Test-Path "$kept\past") {
    if (-not (Test-Path "$kept\restarting")) {
      Say 'kiln: the machine restarted before the script had ended'
      Finish 129
    }
    Remove-Item "$kept\restarting"
    $past = [int](Get-Content "$kept\past")
    Say "kiln-script $word begins"
  } else {
    Set-Content "$kept\past" 0 -ErrorAction Stop
    Get-Needed
    Say "kiln-script $word begins"
  }
#[log]
  $script:sender = Start-Process powershell.exe "$how -File $kept\kiln.ps1 send" -WindowStyle Hidden -PassThru
#[]
@environment@
@script@
  if (Test-Path "$kept\folder") {
    $env:KILN_FOLDER = "$kept\folder"
    Set-Location $env:KILN_FOLDER
  }
  $number = 0
  $status = 0
  foreach ($step in $steps) {
    $number++
    if ($number -le $past) { continue }
    # Before it begins, for no step runs twice.
    Set-Content "$kept\past" $number -ErrorAction Stop
#[reboot]
    if ($step -eq 'reboot') { Restart }
#[]
    $status = Invoke-Step $step
    if ($status -ne 0) {
      if ($step -ne 'script') { Say "kiln: step $number, $step, ended with status $status" }
      break
    }
  }
  # A request to shut down is in the log of events at once.
  $asked = @{ LogName = 'System'; Id = 1074; StartTime = $begun }
  if (Get-WinEvent -FilterHashtable $asked -MaxEvents 1 -ErrorAction SilentlyContinue) {
    Say 'kiln: the machine was told to shut down or restart before the script had ended'
    $status = 129
  }
  Say "kiln-script $word ends"
  Finish $status
}

# One script: `script` for that of the recipe's text, or the path of one in the recipe's folder. What a native command
# says on its error output is no error, and therefore cmd puts both outputs together.
function Invoke-Step([string] $step) {
  $file = "$kept\folder\$($step.Replace('/', '\'))"
  if ($step -eq 'script') { $file = "$kept\script.ps1" }
  & cmd.exe /d /c "powershell.exe $how -File $kept\kiln.ps1 step $file < NUL 2>&1" | ForEach-Object { Write-Line $_ }
  # A status of Windows has 32 bits, and a verdict 8.
  if ($LASTEXITCODE -lt 0 -or $LASTEXITCODE -gt 255) {
    Write-Line "kiln: the status $LASTEXITCODE is told as 1"
    return 1
  }
  return $LASTEXITCODE
}

# Three times because a message of another can end up within a line.
function Write-Verdict([int] $status) {
  foreach ($copy in 1..3) {
    Say "kiln-verdict $word $status"
    Start-Sleep -Milliseconds 500
  }
}

# Says the status. A builder that passed is generalised, which powers it off too: then user data runs on whatever is
# launched from its image, as the tester shows.
function Finish([int] $status) {
  Set-Location $env:SystemRoot
#[log]
  if ($script:sender) { $null = taskkill.exe /t /f /pid $script:sender.Id 2>&1 }
  $whole = Get-Content "$kept\log" -Raw -Encoding UTF8 -ErrorAction SilentlyContinue
#[]
  # A restart under way may win, and then the task says it again.
  if ($status -ne 129) {
    Unregister-ScheduledTask $task -Confirm:$false -ErrorAction SilentlyContinue
    foreach ($try in 1..10) {
      Remove-Item $all -Recurse -Force -ErrorAction SilentlyContinue
      if (-not (Test-Path $all)) { break }
      Start-Sleep 1
    }
    if ($status -eq 0 -and (Test-Path $all)) {
      Say "kiln: $all could not be removed: does a process that a step left use a file there?"
      $status = 128
    }
  }
#[log]
  Send-Verdict $status
#[]
  Write-Verdict $status
  if ($role -eq 'builder' -and $status -eq 0) {
    Close-Port
    & "$env:ProgramFiles\Amazon\EC2Launch\EC2Launch.exe" sysprep --shutdown
    if ($LASTEXITCODE -eq 0) { exit }
    Say "kiln: the machine could not be generalised: EC2Launch's sysprep ended with status $LASTEXITCODE"
#[log]
    Send-Verdict 128
#[]
    Write-Verdict 128
  }
  Close-Port
  Stop-Computer -Force
  exit
}

if ($doing -eq 'begin') {
  Install $what
#[log]
} elseif ($doing -eq 'send') {
  while ($true) {
    Start-Sleep 50
    $null = Send-Log
  }
#[]
} else {
  try {
    Start-Steps
  } catch {
    Say "kiln: $_"
    Finish 128
  }
}
}
& $kiln begin "$kiln"
</powershell>
